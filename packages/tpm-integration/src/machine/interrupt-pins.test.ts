import { expect, test } from 'vitest';
import { InterruptPins } from './interrupt-pins.js';

function recorded(): { pins: InterruptPins; log: string[] } {
  const pins = new InterruptPins(24);
  const log: string[] = [];
  pins.listener = (pin, raised) => log.push(`${raised ? '+' : '-'}${pin}`);
  return { pins, log };
}

test('InterruptPins reports nothing before they are intercepted, nor later what happened then', () => {
  const { pins, log } = recorded();
  pins.line(5).set(true);
  pins.intercept();
  expect(log).toEqual([]);
  expect(pins.level(5)).toBe(1);
});

test('InterruptPins reports a level that was high before once it is driven again', () => {
  const { pins, log } = recorded();
  pins.set(5, 1);
  pins.intercept();
  pins.set(5, 1);
  pins.set(5, 1);
  expect(log).toEqual(['+5']);
});

test('InterruptPins reports each change of the level, also from one high level to another', () => {
  const { pins, log } = recorded();
  pins.intercept();
  for (const level of [1, 1, 7, -1, 0, 0]) pins.set(5, level);
  pins.set(23, 1);
  expect(log).toEqual(['+5', '+5', '+5', '-5', '+23']);
});

test('InterruptPins.forgetReports() makes every pin count as low for the listener', () => {
  const { pins, log } = recorded();
  pins.intercept();
  pins.set(5, 1);
  pins.forgetReports();
  pins.set(5, 0);
  pins.set(5, 1);
  expect(log).toEqual(['+5', '+5']);
});

test('InterruptPins.level() of a pin that does not exist is low', () => {
  expect(new InterruptPins(2).level(7)).toBe(0);
});
