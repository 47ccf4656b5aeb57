/**
 * Prints failures in full and passes as one line a file, and writes the counts to the file that HEADGATE_TEST_COUNTS
 * names. CommonJS, because mocha loads reporters by `require`.
 */
const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Runner.constants;

class CountingReporter extends reporters.Base {
  /**
   * @param {import('mocha').Runner} runner
   * @param {import('mocha').MochaOptions} options
   */
  constructor(runner, options) {
    super(runner, options);
    const started = Date.now();
    /** @type {Map<string, { passed: number, failed: number, ms: number }>} */
    const files = new Map();
    let pending = 0;
    /** @param {import('mocha').Test | import('mocha').Hook} test */
    const countsOf = (test) => {
      const file = relative(process.cwd(), test.file ?? '(no file)');
      const counts = files.get(file) ?? { passed: 0, failed: 0, ms: 0 };
      files.set(file, counts);
      counts.ms += test.duration ?? 0;
      return counts;
    };
    runner.on(EVENT_TEST_PASS, (test) => {
      countsOf(test).passed += 1;
    });
    runner.on(EVENT_TEST_FAIL, (test) => {
      countsOf(test).failed += 1;
    });
    runner.on(EVENT_TEST_PENDING, () => {
      pending += 1;
    });
    runner.once(EVENT_RUN_END, () => {
      for (const [file, { passed, failed, ms }] of files) {
        console.log(`  ${file}: ${passed} passed, ${failed} failed (${ms} ms)`);
      }
      if (this.failures.length > 0) reporters.Base.list(this.failures);
      const counts = [...files.values()];
      /** @param {'passed' | 'failed'} key */
      const sum = (key) => counts.reduce((total, one) => total + one[key], 0);
      const result = { passed: sum('passed'), failed: sum('failed'), pending, ms: Date.now() - started };
      const target = process.env.HEADGATE_TEST_COUNTS;
      if (target) writeFileSync(target, JSON.stringify(result));
    });
  }
}

module.exports = CountingReporter;
