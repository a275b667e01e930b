const iso =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/**
 * UTC milliseconds of an ISO-8601 moment, cut to milliseconds; null for what is none. A date is its midnight, and without
 * a zone a moment is in UTC: whatever the zone of the machine. `Date.parse` takes both to be local unless written with
 * a zone, "foo 5" to be a month, and 30 February to be 2 March.
 */
export const momentOf = (text: string): number | null => {
  const found = iso.exec(text);
  if (found === null) return null;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", , sign, zoneHour, zoneMinute] =
    found;
  const midnight = new Date(0).setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const date = new Date(midnight);
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  if (Number(zoneHour ?? 0) > 23 || Number(zoneMinute ?? 0) > 59) return null;
  const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  // 24:00 is the end of the day.
  if (Number(minute) > 59 || Number(second) > 59 || seconds > 86_400) return null;
  const ms = Number(fraction.slice(0, 3).padEnd(3, "0"));
  if (seconds === 86_400 && Number(fraction) > 0) return null;
  const offset = (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)) * 60_000;
  return midnight + seconds * 1000 + ms - (sign === "-" ? -offset : offset);
};
