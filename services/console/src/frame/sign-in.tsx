import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Failure } from '../parts/feedback.tsx';
import { useSignIn } from './console-session.ts';

/** Signs in with a key, or with the code of a link. */
export function SignIn() {
  const signIn = useSignIn();
  const navigate = useNavigate();
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>();

  const begin = async (proof: { api_key: string } | { code: string }) => {
    try {
      await signIn(proof);
      await navigate({ to: '/' });
    } catch (failed) {
      setError(failed);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: a code is used once, when the page opens.
  useEffect(() => {
    const code = new URLSearchParams(location.hash.slice(1)).get('code');
    if (code === null) return;
    // It is good once: it must not stay in the address bar.
    history.replaceState(null, '', location.pathname);
    void begin({ code });
  }, []);

  return (
    <main className="signin">
      <h1>Errand</h1>
      {isSecureContext ? null : (
        <p className="note warn">
          Over http browsers keep no session but on this machine. Open the console by https.
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void begin({ api_key: key.trim() });
        }}
      >
        <label>
          API key, or the admin key
          <input
            type="password"
            autoComplete="current-password"
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <button type="submit" className="btn primary">
          Sign in
        </button>
        {error === undefined ? null : <Failure error={error} />}
      </form>
      <p className="dim">
        The key stays with the server: this browser keeps a cookie that scripts cannot read, for 12 hours at
        most.
      </p>
    </main>
  );
}
