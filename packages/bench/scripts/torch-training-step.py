"""The training step of `inattention bench --training` in PyTorch: forward, backward, AdamW.

    python3 torch-training-step.py FOLDER THREADS

FOLDER holds task.json (configuration, optimizer, ids of each text, and name, shape and offset of each tensor) and
weights.bin (float32). The first line printed says which version this is; then every line read takes one step and
prints its loss and time: {"loss", "ms"}.

Letters: B texts, T positions, D hidden, H heads, C head size, V vocabulary.
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    with open(folder + "/task.json") as file:
        task = json.load(file)
    with open(folder + "/weights.bin", "rb") as file:
        numbers = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    weights = {}
    for tensor in task["tensors"]:
        size = math.prod(tensor["shape"])
        part = numbers[tensor["offset"] : tensor["offset"] + size]
        weights[tensor["name"]] = part.clone().reshape(tensor["shape"]).requires_grad_(True)
    settings = task["optimizer"]
    matrices = [tensor for tensor in weights.values() if tensor.dim() > 1]
    vectors = [tensor for tensor in weights.values() if tensor.dim() == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings["weightDecay"]},
            {"params": vectors, "weight_decay": 0.0},  # norms are exempt
        ],
        lr=settings["learningRate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
    )
    ids = torch.tensor(task["texts"])  # [B, T + 1]
    loss_of = model(task["config"], weights, ids.shape[1] - 1)
    print(json.dumps({"version": torch.__version__}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(ids[:, :-1], ids[:, 1:])
        loss.backward()
        optimizer.step()
        value = loss.item()
        print(json.dumps({"loss": value, "ms": 1000 * (time.perf_counter() - begin)}), flush=True)


def model(config, weights, length):
    """The mean loss as a function of ids that are read and ids that are foreseen, [B, T] both."""
    heads, head_size, epsilon = config["numAttentionHeads"], config["headDim"], config["rmsNormEps"]
    half = head_size // 2
    rates = config["ropeTheta"] ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    cosines, sines = angles.cos().float(), angles.sin().float()  # [T, C / 2]
    hidden = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)

    def weight(name):
        return weights["model." + name + ".weight"]

    def norm(x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon)

    def by_head(x):  # [B, T, H·C] -> [B, H, T, C]
        return x.view(x.shape[0], length, heads, head_size).transpose(1, 2)

    def rotate(x):
        first, second = x[..., :half], x[..., half:]
        return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)

    def loss_of(read, targets):
        embedded = F.embedding(read, weight("embed_tokens"))  # [B, T, D]
        start = embedded
        for back in range(1, config["initialStateWindow"]):
            earlier = F.pad(embedded, (0, 0, back, 0))[:, :length]
            start = start + F.linear(earlier, weight("initial_state")[back - 1])
        states, state = norm(start), start
        for layer in range(config["numHiddenLayers"]):
            at = "layers.%d." % layer
            gain = weight(at + "input_layernorm")
            context = states * gain
            queries = rotate(by_head(F.linear(norm(state) * gain, weight(at + "self_attn.q_proj"))))
            keys = rotate(by_head(F.linear(context, weight(at + "self_attn.k_proj"))))
            values = by_head(F.linear(context, weight(at + "self_attn.v_proj")))
            scores = (queries @ keys.transpose(-1, -2) / math.sqrt(head_size)).masked_fill(hidden, -1e9)
            mixed = (scores.softmax(-1) @ values).transpose(1, 2).reshape(read.shape[0], length, heads * head_size)
            state = state + F.linear(mixed, weight(at + "self_attn.o_proj"))
            inner = norm(state) * weight(at + "post_attention_layernorm")
            gated = F.silu(F.linear(inner, weight(at + "mlp.gate_proj"))) * F.linear(inner, weight(at + "mlp.up_proj"))
            state = state + F.linear(gated, weight(at + "mlp.down_proj"))
        logits = F.linear(norm(state) * weight("norm"), weight("embed_tokens"))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return loss_of


main()
