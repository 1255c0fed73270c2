import { describe, expect, it } from 'vitest';
import { parseReported, reported } from './reported.js';

describe('reported numbers', () => {
  it('have the paper’s headline rows', () => {
    const { accuracy, redundancy, entropy, ablations } = reported();
    expect(accuracy).toContainEqual({ model: 'R1-Distill-Qwen-7B', method: 'RPC P=4096', benchmark: 'AIME 2024', passAt1: 52.9 });
    expect(redundancy.filter(({ policy }) => policy === 'rpc')).toHaveLength(9);
    expect(entropy.map(({ bits }) => bits)).toEqual([9.82, 10.67, 11.28, 11.59, 9.01, 9.47, 10.08, 10.33]);
    expect(ablations.filter(({ knob, benchmark }) => knob === 'interval' && benchmark === 'AIME 2024')).toHaveLength(8);
  });

  it('name the field that is wrong', () => {
    const broken = structuredClone(reported());
    broken.accuracy[3].passAt1 = 155;
    expect(() => parseReported(JSON.stringify(broken))).toThrowError(/accuracy\.3\.passAt1/);
    expect(() => parseReported('{')).toThrowError(/reported\.json/);
  });
});
