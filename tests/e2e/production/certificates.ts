import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** Writes a self-signed certificate for `localhost` and its key, both PEM, to the folder. */
export async function writeCertificate(folder: string): Promise<{ certFile: string; keyFile: string }> {
  const extensions = [
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ] as never;
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'errand' }], {
    extensions,
    keySize: 2_048,
  });
  const [certFile, keyFile] = [join(folder, 'server.pem'), join(folder, 'server-key.pem')];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  return { certFile, keyFile };
}
