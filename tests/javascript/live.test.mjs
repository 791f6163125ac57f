// The pacing of a live control, without a page and without a clock.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveRun } from "./live.mjs";

function run(context) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const running = [];
  const live = new LiveRun({
    advance: (section) => asked.push(section),
    changed: (section) => running.push(section),
  });
  return { live, asked, running, wait: () => context.mock.timers.tick(1000) };
}

test("the next stage is asked for when the one before has been shown", (context) => {
  const { live, asked, running, wait } = run(context);
  assert.equal(live.toggle("a"), true);
  assert.deepEqual(asked, ["a"]);
  live.advanced();
  assert.deepEqual(asked, ["a"]);
  wait();
  assert.deepEqual(asked, ["a", "a"]);
  assert.deepEqual(running, ["a"]);
});

test("who stops and starts at once does not get two runs", (context) => {
  const { live, asked, running, wait } = run(context);
  for (let click = 0; click < 3; click += 1) live.toggle("a");
  assert.deepEqual(running, ["a", undefined, "a"]);
  assert.deepEqual(asked, ["a"]);
  live.advanced();
  wait();
  assert.deepEqual(asked, ["a", "a"]);
});

test("another section takes the run over", (context) => {
  const { live, asked, running, wait } = run(context);
  live.toggle("a");
  live.toggle("b");
  live.advanced();
  wait();
  assert.deepEqual(asked, ["a", "b"]);
  assert.deepEqual(running, ["a", "b"]);
});

test("after a stop nothing is asked for, and a new start waits for nothing", (context) => {
  const { live, asked, wait } = run(context);
  live.toggle("a");
  live.stop();
  wait();
  assert.deepEqual(asked, ["a"]);
  live.toggle("a");
  assert.deepEqual(asked, ["a", "a"]);
});
