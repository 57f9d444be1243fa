import { useEffect, useState } from 'react';

const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const WORDS: Record<Theme, string> = { system: 'Auto', light: 'Light', dark: 'Dark' };
const KEY = 'errand.theme';

/** Light, dark, or as the system has it; kept in this browser. */
export function ThemeButton() {
  const [theme, setTheme] = useState<Theme>(
    () => THEMES.find((each) => each === localStorage.getItem(KEY)) ?? 'system',
  );
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <button type="button" className="btn quiet" onClick={() => setTheme(next)} title={`Change to ${next}`}>
      {WORDS[theme]} <span className="sr">theme</span>
    </button>
  );
}
