// Answers for rrule-temporal: a line of JSON with a rule comes in, a line with its times goes out.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.argv[2]}/`);
const { RRuleTemporal } = require("rrule-temporal");

function answer({ rule, start, zone, limit }) {
  const rruleString = `DTSTART;TZID=${zone}:${start}\n${rule}`;
  const found = new RRuleTemporal({ rruleString }).all((_, index) => index < limit);
  return found.slice(0, limit).map((time) => time.epochMilliseconds / 1000);
}

for await (const line of createInterface({ input: process.stdin })) {
  let times;
  try {
    times = answer(JSON.parse(line));
  } catch (error) {
    times = String(error);
  }
  console.log(JSON.stringify(times));
}
