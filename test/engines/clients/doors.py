"""gql over HTTP and over a socket, and Confluent's registry client, with their defaults, against MILLRACE."""

import asyncio
import base64
import json
import os
import urllib.request

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

BASE = os.environ["MILLRACE"]


async def over_http() -> None:
    transport = AIOHTTPTransport(url=f"{BASE}/graphql")
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        page = gql("query ($n: Int) { projects(first: $n) { edges { node { id slug } } } }")
        page.variable_values = {"n": 1}
        assert len((await session.execute(page))["projects"]["edges"]) == 1
        try:
            await session.execute(gql('{ node(id: "nonsense") { id } }'))
            raise AssertionError("a malformed id was taken")
        except TransportQueryError as refusal:
            assert refusal.errors[0]["extensions"]["code"] == "BAD_REQUEST"
    print("gql over HTTP")


async def over_a_socket() -> None:
    transport = WebsocketsTransport(url=f"{BASE.replace('http', 'ws', 1)}/graphql")
    async with Client(transport=transport) as session:
        feed = session.subscribe(gql('subscription { lifecycleEvents(project: "shop") { type } }'))
        first = asyncio.ensure_future(anext(feed))
        number = 0
        # The feed begins at the end of the log, a moment after it was asked for.
        while not first.done():
            register = f'mutation {{ registerModel(project: "shop", input: {{ id: "py{number}" }}) {{ position }} }}'
            await session.execute(gql(register))
            number += 1
        assert (await first)["lifecycleEvents"]["type"] == "ModelRegistered"
        await feed.aclose()
    print("gql over a socket")


def registry() -> None:
    client = SchemaRegistryClient({"url": f"{BASE}/registry"})
    fields = [{"name": "id", "type": "string"}]
    text = json.dumps({"type": "record", "name": "Reading", "namespace": "n", "fields": fields})
    schema = Schema(text, "AVRO")
    number = client.register_schema("readings-value", schema)
    assert json.loads(client.get_schema(number).schema_str) == json.loads(text)
    assert client.get_latest_version("readings-value").version == 1
    assert client.lookup_schema("readings-value", schema).schema_id == number
    assert client.test_compatibility("readings-value", schema)
    context = SerializationContext("readings", MessageField.VALUE)
    framed = AvroSerializer(client, text)({"id": "a"}, context)
    assert AvroDeserializer(client)(framed, context) == {"id": "a"}
    print("confluent-kafka's registry client")
    predictions(client)


def predictions(client: SchemaRegistryClient) -> None:
    topic = "shop.payment.predictions"
    request = urllib.request.Request(
        f"{BASE}/topics/{topic}/partitions/0/records?count=1",
        headers={"Accept": "application/vnd.kafka.binary.v2+json"},
    )
    [record] = json.load(urllib.request.urlopen(request))
    read = AvroDeserializer(client)(
        base64.b64decode(record["value"]), SerializationContext(topic, MessageField.VALUE)
    )
    assert read["output"] == 0.25, read
    print("predictions by confluent-kafka's deserializer")


asyncio.run(over_http())
asyncio.run(over_a_socket())
registry()
