// npm's install script: nothing to do where the engine loads (a prebuilt package of this version lies beside this one),
// else it is compiled. In a checkout .npmrc keeps npm from running it: there `npm run build` is the way.
const reason = await import('../dist/engine/addon.js').then(
  ({ requireAddon }) => {
    try {
      console.log(`pathpress: the native engine is ${requireAddon().file}`);
      return undefined;
    } catch (error) {
      return error.cause.message;
    }
  },
  () => 'the package is not built',
);
if (reason !== undefined) {
  console.log(`pathpress: compiling the native engine (${reason})`);
  await import('./build.mjs');
}
