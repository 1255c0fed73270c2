// What NVIDIA's tools say of compiled kernels: the text of `ptxas -v`, and of `cuobjdump -sass` and `-elf`.

/** `multiplyTiles<8>` of `_ZN9pathpress4cuda13multiplyTilesILi8EEEvNS0_13WeightProductEi`; others stay as they are. */
export function kernelName(mangled) {
  const scoped = /^_ZN9pathpress4cuda(?:12_GLOBAL__N_1)?(\d+)(.*)$/.exec(mangled);
  if (!scoped) return mangled;
  const length = Number(scoped[1]);
  const whole = scoped[2].slice(length).match(/^I((?:L[ib]\d+E)+)E/);
  const parameters = whole ? `<${[...whole[1].matchAll(/L[ib](\d+)E/g)].map((one) => one[1]).join(', ')}>` : '';
  return scoped[2].slice(0, length) + parameters;
}

/** One row for each kernel and architecture; bytes where not said otherwise. */
export function readPtxas(text) {
  const rows = [];
  for (const part of text.split('Compiling entry function ').slice(1)) {
    const [, mangled, architecture] = /^'(\S+)' for '(\S+)'/.exec(part);
    const number = (pattern) => Number(pattern.exec(part)?.[1] ?? 0);
    rows.push({
      kernel: kernelName(mangled),
      architecture,
      registers: number(/Used (\d+) registers/),
      shared: number(/(\d+) bytes smem/),
      stack: number(/(\d+) bytes stack frame/),
      spillStores: number(/(\d+) bytes spill stores/),
      spillLoads: number(/(\d+) bytes spill loads/),
    });
  }
  return rows;
}

/** Global loads of each kernel, copies to shared memory among them, by width in bits: Map of `kernel architecture` → {width: count}. */
export function readLoads(text) {
  const loads = new Map();
  let architecture = '';
  let counts;
  for (const line of text.split('\n')) {
    const arch = /arch = (sm_\w+)/.exec(line);
    if (arch) architecture = arch[1];
    const named = /Function : (\S+)/.exec(line);
    if (named) loads.set(`${kernelName(named[1])} ${architecture}`, (counts = {}));
    const load = /\bLDG(?:STS)?((?:\.\w+)*) /.exec(line);
    if (!load || !counts) continue;
    const width = /\.[US]?(8|16|64|128)\b/.exec(load[1])?.[1] ?? 32;
    counts[width] = (counts[width] ?? 0) + 1;
  }
  return loads;
}

/** Threads of a block by __launch_bounds__, where a kernel has them: Map of `kernel architecture` → threads. */
export function readBounds(text) {
  const bounds = new Map();
  let architecture = '', kernel, attribute;
  for (const line of text.split('\n')) {
    architecture = /arch = (sm_\w+)/.exec(line)?.[1] ?? architecture;
    kernel = /^\.nv\.info\.(\S+)/.exec(line)?.[1] ?? kernel;
    attribute = /Attribute:\s+(\w+)/.exec(line)?.[1] ?? attribute;
    const value = /Value:\s+(0x\w+) (0x\w+) (0x\w+)/.exec(line);
    if (!value || attribute !== 'EIATTR_MAX_THREADS') continue;
    bounds.set(`${kernelName(kernel)} ${architecture}`, value.slice(1).reduce((product, side) => product * Number(side), 1));
  }
  return bounds;
}
