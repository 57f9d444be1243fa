import { Argument, type Command } from 'commander';
import { CannotRun } from '../cannot-run.ts';
import { type Bind, tell, type World } from '../command.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { table } from '../output/text.ts';
import {
  configPath,
  type Profile,
  profileOf,
  readConfigFile,
  writeConfigFile,
} from '../settings/config-file.ts';
import { readText } from '../settings/read-values.ts';
import {
  profileName,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
} from '../settings/settings.ts';

const REDACTED_BEYOND = 12;

export function addConfig(program: Command, bind: Bind): void {
  const config = program.command('config').description('show and change settings: gateway, tenant and keys');
  const name = () => new Argument('<name>', 'setting name').choices(SETTING_NAMES);
  config
    .command('set')
    .description('save a setting in the profile')
    .addArgument(name())
    .argument('<value>', 'value; @file, or - for stdin, hides it from the process list')
    .action(bind(set));
  config
    .command('unset')
    .description('remove a setting from the profile')
    .addArgument(name())
    .action(bind(unset));
  config
    .command('get')
    .description('show the value in effect')
    .addArgument(name())
    .option('--reveal', 'show secrets in full')
    .action(bind(get));
  config
    .command('list')
    .description('show all settings in effect and their sources')
    .option('--reveal', 'show secrets in full')
    .action(bind(list));
  config.command('use').description('switch to a profile').argument('<profile>').action(bind(use));
  config
    .command('path')
    .description('show the path of the settings file')
    .action(
      bind(async (world) => {
        const path = configPath(world.env);
        tell(world, { path }, () => path);
        return 0;
      }),
    );
}

async function set(world: World, _: unknown, name = '', value = ''): Promise<ExitCode> {
  const text = (await readText(value, world.stdin)).trim();
  if (text === '') throw new CannotRun(`${name} cannot be empty; errand config unset ${name} removes it`);
  const fault = SETTINGS[name as SettingName].faultOf(text);
  if (fault !== undefined) throw new CannotRun(`${name}: ${fault}`);
  return change(world, (profile) => ({ ...profile, [name]: text }));
}

async function unset(world: World, _: unknown, name = ''): Promise<ExitCode> {
  return change(world, (profile) => {
    const { [name]: _gone, ...rest } = profile;
    return rest;
  });
}

async function change(world: World, edit: (profile: Profile) => Profile): Promise<ExitCode> {
  const { path, content } = await readConfigFile(world.env);
  const name = profileName(world, content.current);
  const profiles = { ...content.profiles, [name]: edit(profileOf(content, name) ?? {}) };
  await writeConfigFile({ path, content: { ...content, profiles } });
  tell(world, { path, profile: name }, () => `${path}, profile ${name}`);
  return 0;
}

async function use(world: World, _: unknown, profile = ''): Promise<ExitCode> {
  const { path, content } = await readConfigFile(world.env);
  if (!profileOf(content, profile)) {
    const names = Object.keys(content.profiles).join(', ') || 'none yet';
    throw new CannotRun(`there is no profile ${profile}; profiles: ${names}`);
  }
  await writeConfigFile({ path, content: { ...content, current: profile } });
  tell(world, { path, profile }, () => `${profile} is the current profile`);
  return 0;
}

async function get(world: World, { reveal }: { reveal?: true }, name = ''): Promise<ExitCode> {
  const setting = (await world.settings())[name as SettingName];
  if (!setting) throw new CannotRun(`${name} is not set`);
  const value = shown(name as SettingName, setting, reveal === true);
  tell(world, { name, value, from: setting.from }, () => value);
  return 0;
}

async function list(world: World, { reveal }: { reveal?: true }): Promise<ExitCode> {
  const settings = await world.settings();
  const { content } = await readConfigFile(world.env);
  const rows = SETTING_NAMES.map((name) => {
    const setting = settings[name];
    const value = setting ? shown(name, setting, reveal === true) : null;
    return { name, value, from: setting?.from ?? null, env: SETTINGS[name].env };
  });
  const profiles = Object.keys(content.profiles);
  const profile = profileName(world, content.current);
  tell(world, { settings: rows, profile, profiles }, () => {
    const lines = rows.map(({ name, value, from }) => [name, value ?? '(not set)', from]);
    return `${table(['SETTING', 'VALUE', 'FROM'], lines)}\n\nprofile ${profile} of: ${profiles.join(', ') || '(none)'}`;
  });
  return 0;
}

/** Enough of a secret to distinguish it from another. */
function shown(name: SettingName, { value }: Setting, reveal: boolean): string {
  if (reveal || !SETTINGS[name].isSecret) return value;
  return value.length > REDACTED_BEYOND ? `${value.slice(0, 4)}…${value.slice(-3)}` : '…';
}
