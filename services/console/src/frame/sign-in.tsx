import { useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Failure } from '../parts/feedback.tsx';
import { type Proof, readProviderAddress, useSignIn } from './console-session.ts';
import { leaveFor, PROVIDER, takeAnswer, takeWanted } from './provider-answer.ts';

/** Signs in with a key, with the code of a link, or at a provider. */
export function SignIn() {
  const signIn = useSignIn();
  const navigate = useNavigate();
  const { history: pages } = useRouter();
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>();

  const begin = async (proof: Proof) => {
    try {
      await signIn(proof);
      await navigate({ to: '/' });
    } catch (failed) {
      setError(failed);
    }
  };
  // The answer of an earlier sign-in does not fit the cookie of a later one, so one click begins one.
  const [isLeaving, setLeaving] = useState(false);
  useEffect(() => {
    const back = () => setLeaving(false);
    addEventListener('pageshow', back);
    return () => removeEventListener('pageshow', back);
  }, []);
  const leave = () => {
    setLeaving(true);
    return readProviderAddress().then(leaveFor, (failed: unknown) => {
      setError(failed);
      setLeaving(false);
    });
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: an answer is used once, when the page opens.
  useEffect(() => {
    const query = takeAnswer();
    if (query === undefined) return;
    history.replaceState(null, '', location.pathname);
    signIn({ query }).then(() => pages.replace(takeWanted()), setError);
  }, []);
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
      {PROVIDER === undefined ? null : (
        <button type="button" className="btn primary" disabled={isLeaving} onClick={() => void leave()}>
          Sign in with {PROVIDER}
        </button>
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
        <button type="submit" className={PROVIDER === undefined ? 'btn primary' : 'btn'}>
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
