import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;

/** ClickHouse's JDBC driver with its defaults: what goes in comes out. Arguments: host:port, password. */
public class Jdbc {
  static final String ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";

  public static void main(String[] arguments) throws Exception {
    Class.forName("com.clickhouse.jdbc.Driver");
    String url = "jdbc:clickhouse://" + arguments[0] + "/default";
    try (Connection connection = DriverManager.getConnection(url, "default", arguments[1])) {
      run(connection);
    }
    System.out.println("JDBC passes");
    System.exit(0);
  }

  static void run(Connection connection) throws Exception {
    Statement statement = connection.createStatement();
    statement.execute("CREATE TABLE written (a UInt32, s String, d DateTime64(3)) ENGINE = MergeTree ORDER BY a");
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO written (a, s, d) VALUES (?, ?, ?)")) {
      for (int i = 0; i < 1000; i++) {
        insert.setInt(1, i);
        insert.setString(2, "it's " + i);
        insert.setTimestamp(3, new Timestamp(1700000000123L));
        insert.addBatch();
      }
      insert.executeBatch();
    }
    ResultSet found = statement.executeQuery("SELECT count(), sum(a), max(s), max(d) FROM written");
    found.next();
    same("1000 499500 it's 999 1700000000123",
        found.getLong(1) + " " + found.getLong(2) + " " + found.getString(3) + " " + found.getTimestamp(4).getTime());
    ResultSet many = connection.createStatement().executeQuery("SELECT number, toString(number) FROM numbers(300000)");
    long sum = 0;
    while (many.next()) sum += many.getLong(1);
    same("44999850000", String.valueOf(sum));
    same("true", String.valueOf(connection.getMetaData().getTables(null, "default", "written", null).next()));
    same("true", String.valueOf(!connection.getMetaData().getDatabaseProductVersion().isEmpty()));
    Statement endless = connection.createStatement();
    Thread cancelling = new Thread(() -> {
      try {
        Thread.sleep(2000);
        endless.cancel();
      } catch (Exception error) {
        error.printStackTrace();
      }
    });
    cancelling.start();
    try {
      endless.executeQuery(ENDLESS);
      throw new AssertionError("it was not cancelled");
    } catch (SQLException error) {
      if (!error.getMessage().contains("QUERY_WAS_CANCELLED")) throw error;
    }
  }

  static void same(String expected, String found) {
    if (!expected.equals(found)) throw new AssertionError("expected " + expected + ", found " + found);
  }
}
