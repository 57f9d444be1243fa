/** The parts of vitest's JSON report that an outcome is made of. */
export interface TestReport {
  testResults: {
    /** The path of the test file. */
    name: string;
    status: string;
    assertionResults: { status: string }[];
  }[];
}

export interface TestOutcome {
  passed: number;
  failed: number;
}

/** The file endings of each project; the first that matches a file is its project. */
const FILE_ENDINGS = {
  integration: '.int.test.ts',
  e2e: '.e2e.test.ts',
  contract: '.contract.test.ts',
  adopt: '.adopt.test.ts',
  chart: '.chart.test.ts',
  unit: '.test.ts',
} as const;

export type TestProjectName = keyof typeof FILE_ENDINGS;

/** Whether `word` names a project of the vitest configuration. */
export function isTestProject(word: string): word is TestProjectName {
  return Object.hasOwn(FILE_ENDINGS, word);
}

export interface TestRun {
  projects: TestProjectName[];
  exitCode: number | null;
  /** Undefined when the run ended without one. */
  report: TestReport | undefined;
}

/**
 * Returns how many tests passed and failed. `failed` is 0 only for a complete and clean run: it also counts each file
 * that failed outside its tests and each project without a single passed test, and is at least 1 when vitest ended with
 * a code other than 0, as for an error that no test caught.
 */
export function testOutcome({ projects, exitCode, report }: TestRun): TestOutcome {
  const files = report?.testResults ?? [];
  const statuses = files.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const passed = statuses.filter((status) => status === 'passed').length;
  const failedTests = statuses.filter((status) => status === 'failed').length;
  const failedFiles = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
  const proven = new Set(
    files
      .filter((file) => file.assertionResults.some(({ status }) => status === 'passed'))
      .map((file) => projectOf(file.name)),
  );
  const emptyProjects = projects.filter((project) => !proven.has(project)).length;
  const counted = failedTests + failedFiles;
  const failed =
    counted > 0 ? counted : Math.max(emptyProjects, exitCode === 0 && projects.length > 0 ? 0 : 1);
  return { passed, failed };
}

function projectOf(file: string): TestProjectName | undefined {
  const names = Object.keys(FILE_ENDINGS) as TestProjectName[];
  return names.find((name) => file.endsWith(FILE_ENDINGS[name]));
}
