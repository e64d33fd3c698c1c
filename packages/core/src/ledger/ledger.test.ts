import { expect, it } from 'vitest';
import { Ledger, purposes } from './ledger.ts';

it('counts by purpose, with the peaks of live bytes and of all', () => {
  const ledger = new Ledger();
  ledger.addLive('weights', 100);
  ledger.addLive('scratch', 50);
  ledger.setReserved(30);
  ledger.addLive('scratch', -50);
  ledger.setReserved(80);
  ledger.addHost(7);
  const snapshot = ledger.snapshot();
  expect(snapshot).toMatchObject({ liveTotal: 100, reserved: 80, peakLive: 150, peakTotal: 180, host: 7 });
  expect(Object.keys(snapshot.live)).toEqual([...purposes]);
  expect(snapshot.live).toMatchObject({ weights: 100, scratch: 0, context: 0 });
  expect(ledger.live('weights')).toBe(100);
});

it('starts new peaks from the present, and hands out snapshots that stay as they were', () => {
  const ledger = new Ledger();
  ledger.addLive('context', 100);
  ledger.addLive('context', -60);
  ledger.setReserved(10);
  const before = ledger.snapshot();
  ledger.resetPeak();
  expect(ledger.snapshot()).toMatchObject({ peakLive: 40, peakTotal: 50 });
  ledger.addLive('context', 5);
  expect(ledger.snapshot()).toMatchObject({ liveTotal: 45, peakLive: 45, peakTotal: 55 });
  expect(before).toMatchObject({ liveTotal: 40, peakLive: 100, live: { context: 40 } });
});
