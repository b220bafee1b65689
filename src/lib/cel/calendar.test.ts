import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CelFailed, compileCel } from './program.ts';

const environment = { variables: [], messages: {} };
const of = (expression: string): unknown => compileCel(expression, environment).evaluate({}).value;

const FIELDS = [
  'FullYear',
  'Month',
  'Date',
  'DayOfMonth',
  'DayOfWeek',
  'DayOfYear',
  'Hours',
  'Minutes',
  'Seconds',
  'Milliseconds',
];
const parts = (time: string, zone = ''): string =>
  String(of(`[${FIELDS.map((field) => `string(timestamp("${time}").get${field}(${zone}))`).join(', ')}].join(",")`));

/** The machine's zone, with an hour or a day that it has not, one that it has twice, and before and after years of two digits. */
const MACHINES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia', 'Australia/Lord_Howe', 'Asia/Kolkata'];
const TIMES: Readonly<Record<string, string>> = {
  '2026-03-29T02:30:00Z': '2026,2,29,28,0,87,2,30,0,0',
  '2026-03-08T02:30:00Z': '2026,2,8,7,0,66,2,30,0,0',
  '2026-10-25T01:30:00Z': '2026,9,25,24,0,297,1,30,0,0',
  '2026-07-01T00:30:00Z': '2026,6,1,0,3,181,0,30,0,0',
  '2011-12-30T12:00:00Z': '2011,11,30,29,5,363,12,0,0,0',
  '2024-12-31T23:59:59.9996Z': '2024,11,31,30,2,365,23,59,59,999',
  '1969-12-31T23:59:59.9999Z': '1969,11,31,30,3,364,23,59,59,999',
  '0050-06-01T12:00:00Z': '50,5,1,0,3,151,12,0,0,0',
};

describe('parts of a time', () => {
  for (const machine of MACHINES)
    it(`are those in UTC, where the machine is in ${machine}`, (context) => {
      const before = process.env['TZ'];
      context.after(() => {
        if (before === undefined) delete process.env['TZ'];
        else process.env['TZ'] = before;
      });
      process.env['TZ'] = machine;
      for (const [time, wanted] of Object.entries(TIMES))
        for (const zone of ['', '""', '"UTC"', '"+00:00"', '"-00:00"'])
          assert.equal(parts(time, zone), wanted, `${time} ${zone}`);
      const hours = [
        '2026-03-29T00:59:59Z',
        '2026-03-29T01:00:00Z',
        '2026-10-25T00:59:59Z',
        '2026-10-25T01:00:00Z',
      ].map((time) => of(`timestamp("${time}").getHours("Europe/Berlin")`));
      assert.deepEqual(hours, [1n, 3n, 2n, 2n]);
    });

  it('are those in the zone that is named, also before there were zones', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['2020-12-31T23:30:00Z', 'Europe/Berlin', '2021,0,1,0,5,0,0,30,0,0'],
      ['2011-12-30T12:00:00Z', 'Pacific/Apia', '2011,11,31,30,6,364,2,0,0,0'],
      ['2020-04-04T15:15:00Z', 'Australia/Lord_Howe', '2020,3,5,4,0,95,1,45,0,0'],
      ['1960-01-01T00:00:00Z', 'Africa/Monrovia', '1959,11,31,30,4,364,23,15,30,0'],
      ['0001-01-01T00:00:00Z', 'America/New_York', '0,11,31,30,0,365,19,3,58,0'],
      ['2020-01-01T00:00:00Z', '-01:30', '2019,11,31,30,2,364,22,30,0,0'],
      ['2020-01-01T00:00:00Z', '-00:30', '2019,11,31,30,2,364,23,30,0,0'],
      ['2020-01-01T00:00:00Z', '5:0', '2020,0,1,0,3,0,5,0,0,0'],
      ['2020-01-01T00:00:00Z', '+001:05', '2020,0,1,0,3,0,1,5,0,0'],
    ];
    for (const [time, zone, wanted] of cases) assert.equal(parts(time, `"${zone}"`), wanted, zone);
  });

  it('are those of no zone that there is not', () => {
    const none = [
      'x',
      'Nope/Zone',
      '../../etc/passwd',
      '+0100',
      '+24:00',
      '+01:60',
      '++1:00',
      ':',
      '+01:00:00',
      '+01:00 ',
      'Local',
    ];
    for (const zone of none) assert.throws(() => parts('2020-01-01T00:00:00Z', `"${zone}"`), CelFailed, zone);
  });
});
