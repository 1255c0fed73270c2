"""Trains one of the bundled models on the CPU; resumes from its checkpoint, so that it can be spread over sittings.

  npm run build:ts && python data/models/training/train.py reasoner --seed 1 --checkpoint .cache/training/reasoner-s1.pt

Needs PyTorch and safetensors. Examples come from stream.mjs (the tasks are defined once, in src/tasks). When the
schedule is through, export.py writes the Hugging Face folder.
"""
import argparse, collections, json, os, pathlib, random, subprocess, time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from model import SHAPES, Llama
from muon import optimizers

HERE = pathlib.Path(__file__).resolve().parent
# Tokens of a batch, rates of Muon and Adam. The larger ones are what the writer and seed 1 of the reasoner had. From the same
# weights, after 2M tokens of short chains, the loss was 0.21 with the larger and 0.15 with the smaller ones.
LARGE, SMALL = (16384, 0.02, 3e-3), (8192, 0.007, 1e-3)
RARE_WEIGHT = 15.0  # of a token on which a whole problem hangs and that comes once in it
# (million tokens, scale of the problems, shares of loops, chains and passcode, share of right tokens without which the
# phase does not end): short problems teach the skills, long ones the distance. When a seed learns to look a value up by its
# name is chance, and nothing after it is learned without.
EVEN, CHAINS, NONE = "0.5,0.3,0.2", "0.2,0.7,0.1", "-"
WIDE = "0.6,0.15,0.25,wide"  # sizes spread over their logarithm, so that short and long problems come together
WHOLE = "0.55,0.15,0.3,whole"  # half of them at the size that is evaluated
PHASES = {
    "reasoner": [(1.5, 0.08, CHAINS), (4, 0.15, CHAINS, 0.845), (4, 0.25, EVEN), (5, 0.5, EVEN), (15.5, 1.0, WHOLE)],
    "writer": [(1, 0.1, NONE), (1.5, 0.4, NONE), (4, 1.05, NONE)],
}
# What seed 1 of the reasoner went through while the tasks were still being made: its history, not a schedule to repeat.
FIRST = [(2, 0.08, EVEN), (7, 0.2, EVEN), (5, 0.5, EVEN), (5, 0.12, EVEN), (2, 0.5, EVEN), (4.4, 1.0, EVEN), (4, 0.3, CHAINS), (3.5, 1.1, EVEN), (1.5, 0.15, EVEN), (2.9, 1.05, EVEN), (8, 1.08, WIDE), (25.7, 1.0, WHOLE)]
DECAY = 0.63  # of all tokens, at the end, over which the rate falls to nothing
FARTHEST = 2600  # positions that short problems are spread over


def batches(kind, scale, mix, first, rng, tokens):
    """Padded batches of about so many tokens from a stream of examples; also the index that the next one starts at."""
    stream = subprocess.Popen(["node", str(HERE / "stream.mjs"), kind, str(first), str(scale), mix], stdout=subprocess.PIPE)
    index = first
    try:
        while True:
            pool = []
            while sum(len(p) + len(o) for p, o, _ in pool) < 16 * tokens:
                row = json.loads(stream.stdout.readline())
                pool.append((row["prompt"], row["output"], row["rare"]))
                index += 1
            pool.sort(key=lambda e: -len(e[0]) - len(e[1]))
            groups = []
            while pool:
                rows = max(1, tokens // padded(pool[0]))
                groups.append((rows, padded(pool[0]), pool[:rows]))
                pool = pool[rows:]
            rng.shuffle(groups)
            for rows, length, group in groups:
                yield collate(rows, length, group, rng), index
    finally:
        stream.kill()


def padded(example):
    """Length in whole steps of 128: few shapes, because PyTorch keeps a kernel and its scratch for each that it meets."""
    return -(-(len(example[0]) + len(example[1])) // 128) * 128


def collate(rows, length, group, rng):
    """ids, targets (-100 = no loss), positions, weights of the loss: (rows, length) each; rows beyond the group are empty."""
    ids = torch.zeros(rows, length, dtype=torch.long)
    targets = torch.full((rows, length), -100)
    positions = torch.arange(length).repeat(rows, 1)
    weights = torch.ones(rows, length)
    for row, (prompt, output, rare) in enumerate(group):
        whole = prompt + output
        ids[row, : len(whole)] = torch.tensor(whole)
        targets[row, len(prompt) - 1 : len(whole) - 1] = torch.tensor(output)
        weights[row, [len(prompt) - 1 + at for at in rare]] = RARE_WEIGHT
        # A gap at a random place lets a short problem show long distances at the price of a short one.
        if len(whole) < FARTHEST // 3 and rng.random() < 0.5:
            at = rng.randrange(len(prompt), len(whole))
            positions[row, at:] += rng.randrange(FARTHEST - len(whole))
    return ids, targets, positions, weights


@torch.compile(dynamic=True)  # fuses what is not a product or attention: 12.7 to 18.7 thousand tokens a second on 2 cores
def measured(model, ids, targets, positions, weights):
    """Weighted loss and share of targets that are the likeliest token, of one batch."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.head(model(ids, positions)).float().flatten(0, 1)
    wanted = targets.flatten()
    weight = weights.flatten() * (wanted >= 0)
    loss = (F.cross_entropy(logits, wanted, reduction="none") * weight).sum() / weight.sum()
    return loss, (logits.detach().argmax(-1) == wanted).sum() / (wanted >= 0).sum()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=PHASES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--weights", type=pathlib.Path, help="an exported folder to go on from where there is no checkpoint; optimisers start anew")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    vocabulary = int(subprocess.check_output(["node", str(HERE / "tokenizer.mjs"), "--count"]))
    model = Llama(vocabulary, **SHAPES[args.kind])
    first = (args.kind, args.seed) == ("reasoner", 1)
    phases = FIRST if first else PHASES[args.kind]
    batch_tokens, muon, adam = LARGE if first or args.kind == "writer" else SMALL
    steps = optimizers(model, muon, adam)
    state = {"tokens": 0, "extra": 0, "next": args.seed * 10_000_000, "seconds": 0.0, "log": []}
    if os.path.exists(args.checkpoint):
        saved = torch.load(args.checkpoint, weights_only=False)
        model.load_state_dict(saved["model"])
        for optimizer, s in zip(steps, saved["optimizers"]):
            optimizer.load_state_dict(s)
        state = {"extra": 0, **saved["state"]}
        print(f"resumed at {state['tokens'] / 1e6:.2f}M tokens", flush=True)
    elif args.weights:
        model.take(load_file(args.weights / "model.safetensors"))
        state["log"] = [json.loads(line) for line in (args.weights / "training-log.jsonl").read_text().splitlines()]
        state["tokens"], state["seconds"] = state["log"][-1]["tokens"], 60 * state["log"][-1]["minutes"]
        state["next"] += 1_000_000  # examples that the lost run did not see
    rng = random.Random(args.seed * 1000 + state["tokens"])
    total = sum(tokens for tokens, *_ in phases) * 1e6
    base = [[g["lr"] for g in o.param_groups] if "base" not in state else b for o, b in zip(steps, state.get("base", steps))]
    state["base"] = base
    began = last = time.time()
    end = 0.0
    planned = lambda: state["tokens"] - state["extra"]
    for tokens, scale, mix, *wanted_accuracy in phases:
        end += tokens * 1e6
        if planned() >= end:
            continue
        window, latest = [], collections.deque(maxlen=40)
        for (ids, targets, positions, weights), state["next"] in batches(args.kind, scale, mix, state["next"], rng, batch_tokens):
            done = planned() / total
            rate = min(1.0, (state["tokens"] + batch_tokens) / 5e5, max(0.0, (1 - done) / DECAY))
            for optimizer, lrs in zip(steps, base):
                for group, lr in zip(optimizer.param_groups, lrs):
                    group["lr"] = lr * rate
            loss, right = measured(model, ids, targets, positions, weights)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in steps:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            state["tokens"] += ids.numel()
            window.append((loss.item(), right.item()))
            latest.append(right.item())
            learned = not wanted_accuracy or (len(latest) == 40 and sum(latest) / 40 >= wanted_accuracy[0])
            if planned() >= end and not learned:
                state["extra"] = state["tokens"] - end + 1
            now = time.time()
            if len(window) == 40:
                mean = lambda i: sum(w[i] for w in window) / len(window)
                row = dict(tokens=state["tokens"], scale=scale, loss=round(mean(0), 4), accuracy=round(mean(1), 5), minutes=round((state["seconds"] + now - began) / 60, 1))
                state["log"].append(row)
                print(json.dumps(row), flush=True)
                window = []
            if now - last > 120 or planned() >= end:
                last = now
                save(args.checkpoint, model, steps, dict(state, seconds=state["seconds"] + now - began))
            if planned() >= end:
                break
    save(args.checkpoint, model, steps, dict(state, seconds=state["seconds"] + time.time() - began))


def save(path, model, steps, state):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": model.state_dict(), "optimizers": [o.state_dict() for o in steps], "state": state}, path + ".part")
    os.replace(path + ".part", path)  # a killed run keeps the checkpoint before


if __name__ == "__main__":
    main()
