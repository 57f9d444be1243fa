import { Command } from 'commander';
import type { Bind, Surroundings } from './command.ts';
import { addBackup } from './commands/backup.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addActions } from './commands/jobs/actions.ts';
import { addBulk } from './commands/jobs/bulk.ts';
import { addEvents } from './commands/jobs/events.ts';
import { addFeed } from './commands/jobs/feed.ts';
import { addJob } from './commands/jobs/job.ts';
import { addJobs } from './commands/jobs/jobs.ts';
import { addLogs } from './commands/jobs/logs.ts';
import { addPortal } from './commands/jobs/portal.ts';
import { addRun } from './commands/jobs/run.ts';
import { addSchedules } from './commands/jobs/schedules.ts';
import { addStats } from './commands/jobs/stats.ts';
import { addTokens } from './commands/jobs/tokens.ts';
import { addWait } from './commands/jobs/wait.ts';
import { addApply } from './commands/operate/apply/apply.ts';
import { addDeadLetters } from './commands/operate/dead-letters.ts';
import { addKeys } from './commands/operate/keys.ts';
import { addOperate } from './commands/operate/operate.ts';
import { addTenants } from './commands/operate/tenants.ts';
import { addServe } from './commands/serve.ts';
import { addStandby } from './commands/standby.ts';
import { addTypes } from './commands/types.ts';
import { addVersion, VERSION } from './commands/version.ts';
import { addListen } from './commands/webhooks/listen.ts';
import { addSigner } from './commands/webhooks/signer.ts';
import { addWebhooks } from './commands/webhooks/webhooks.ts';
import { EXIT_CODES } from './output/exit-codes.ts';
import { SETTING_NAMES, SETTINGS } from './settings/settings.ts';

/** All commands. It throws CommanderError instead of ending the process. */
export function createProgram(bind: Bind, { stdout, stderr, now, columns }: Surroundings): Command {
  const program = new Command('errand')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => columns?.() ?? 100,
      getErrHelpWidth: () => columns?.() ?? 100,
    })
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => title.toLowerCase() })
    .showHelpAfterError('(run with --help for usage)')
    .option('--json', 'print JSON')
    .option('--no-json', 'print text where the default is JSON')
    .option('--profile <name>', 'settings profile to use')
    .helpOption('--help', 'show this help')
    .version(VERSION, '--version', 'show the version')
    .addHelpText('after', () => epilogue());

  program.commandsGroup('Jobs:');
  addRun(program, bind, now);
  addJob(program, bind);
  addWait(program, bind);
  addJobs(program, bind, now);
  addBulk(program, bind, now);
  addSchedules(program, bind, now);
  addStats(program, bind, now);
  addEvents(program, bind);
  addLogs(program, bind);
  addFeed(program, bind);
  program.commandsGroup('Webhooks:');
  addWebhooks(program, bind, now);
  addSigner(program, bind);
  addListen(program, bind);
  program.commandsGroup('Setup:');
  addActions(program, bind);
  addTypes(program, bind);
  addConfig(program, bind);
  addCompletion(program, bind);
  addVersion(program, bind);
  program.commandsGroup('Run Errand:');
  addServe(program, bind);
  addBackup(program, bind);
  addStandby(program, bind);
  program.commandsGroup('Keys:');
  addKeys(program, bind);
  addTokens(program, bind);
  addPortal(program, bind);
  program.commandsGroup('Operators, with the admin key:');
  addTenants(program, bind);
  addApply(program, bind);
  addOperate(program, bind);
  addDeadLetters(program, bind);
  program.commandsGroup('');
  return program;
}

function epilogue(): string {
  const settings = SETTING_NAMES.map((name) => `  ${SETTINGS[name].env.padEnd(18)}${SETTINGS[name].about}`);
  const codes = Object.entries(EXIT_CODES).map(([code, about]) => `  ${code.padEnd(5)}${about}`);
  return [
    ...[
      '',
      'settings, from the environment, errand config, or .errand/local.json of a local system:',
      ...settings,
    ],
    ...['', 'exit codes:', ...codes],
  ].join('\n');
}
