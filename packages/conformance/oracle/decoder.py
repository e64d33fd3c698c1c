"""Independent PyTorch reference of the InAttention decoder (float64, naive, no cache).

It is the judge of the TypeScript implementation: written from the mathematics alone, one
position-by-position loop-free forward pass, autograd for the gradients, nothing shared. Rope
scaling, biases and q/k norms follow the papers and the published configurations of the models
that have them (docs/model.md); transformers_cases.py judges them once more by other code.

    python3 decoder.py OUT_DIR [--seed N] [--only NAME]        (PyTorch 1.13 or newer)

writes one folder per case: config.json, model.safetensors (float32), case.json (tokens, loss
positions, expected loss, per-position NLL), expected.safetensors (logits [n, vocab] and the
gradient of the mean loss for every parameter, float32 roundings of float64 values).
"""
import argparse, json, math, os, struct
import numpy as np
import torch

torch.set_default_dtype(torch.float64)


def save_safetensors(path, tensors):
    header, blobs, offset = {}, [], 0
    for name, t in tensors.items():
        raw = np.ascontiguousarray(t.detach().to(torch.float32).numpy()).tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + len(raw)]}
        blobs.append(raw)
        offset += len(raw)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)))
        f.write(head)
        for b in blobs:
            f.write(b)


def alibi_slopes(heads):
    def pow2(n):
        return [2 ** (-8 * (i + 1) / n) for i in range(n)]
    if math.log2(heads).is_integer():
        return pow2(heads)
    base = 2 ** math.floor(math.log2(heads))
    return pow2(base) + pow2(2 * base)[0::2][: heads - base]


def rope_frequencies(cfg):
    """Radians per position of each pair, and the factor on rotated vectors."""
    dh, theta, s = cfg["head_dim"], cfg["rope_theta"], cfg.get("rope_scaling")
    inv = theta ** (-torch.arange(0, dh, 2).to(torch.float64) / dh)
    if s is None:
        return inv, 1.0
    kind, factor = s.get("rope_type", s.get("type")), s["factor"]
    if kind == "linear":
        return inv / factor, 1.0
    length = s["original_max_position_embeddings"]
    if kind == "llama3":
        turns = length * inv / (2 * math.pi)                  # of each pair within the original length
        smooth = ((turns - s["low_freq_factor"]) / (s["high_freq_factor"] - s["low_freq_factor"])).clamp(0, 1)
        return (1 - smooth) * inv / factor + smooth * inv, 1.0
    assert kind == "yarn"
    pair = lambda turns: dh * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(theta))
    low, high = pair(s.get("beta_fast", 32)), pair(s.get("beta_slow", 1))
    if s.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dh - 1)
    stretched = ((torch.arange(dh // 2).to(torch.float64) - low) / max(high - low, 0.001)).clamp(0, 1)
    scale = lambda m: 0.1 * m * math.log(factor) + 1 if factor > 1 else 1.0
    if "attention_factor" in s:
        amplitude = s["attention_factor"]
    elif s.get("mscale") and s.get("mscale_all_dim"):
        amplitude = scale(s["mscale"]) / scale(s["mscale_all_dim"])
    else:
        amplitude = scale(1)
    return stretched * inv / factor + (1 - stretched) * inv, amplitude


def rope(x, cfg):
    # x: [heads, n, head_dim]; rotate-half convention (pairs i, i + head_dim/2), as in Llama checkpoints
    n, dh = x.shape[-2:]
    inv, amplitude = rope_frequencies(cfg)
    ang = torch.arange(n)[:, None] * inv[None]
    cos, sin = torch.cat([amplitude * ang.cos()] * 2, -1), torch.cat([amplitude * ang.sin()] * 2, -1)
    x1, x2 = x[..., : dh // 2], x[..., dh // 2:]
    return x * cos + torch.cat([-x2, x1], -1) * sin


def init(cfg, gen):
    d, v, L = cfg["hidden_size"], cfg["vocab_size"], cfg["num_hidden_layers"]
    H, K, f = cfg["num_attention_heads"], cfg["num_key_value_heads"], cfg["intermediate_size"]
    dh = cfg["head_dim"]
    r = lambda *s, std=0.3: torch.randn(*s, generator=gen) * std
    w = {"model.embed_tokens.weight": r(v, d, std=1.0)}
    if cfg["position_embedding_type"] == "learned":
        w["model.embed_positions.weight"] = r(cfg["max_position_embeddings"], d, std=0.5)
    if cfg["initial_state_window"] > 1:
        w["model.initial_state.weight"] = r(cfg["initial_state_window"] - 1, d, d, std=0.2)
    for l in range(L):
        p = f"model.layers.{l}."
        w[p + "input_layernorm.weight"] = 1 + r(d, std=0.2)
        w[p + "self_attn.q_proj.weight"] = r(H * dh, d)
        w[p + "self_attn.k_proj.weight"] = r(K * dh, d)
        w[p + "self_attn.v_proj.weight"] = r(K * dh, d)
        w[p + "self_attn.o_proj.weight"] = r(d, H * dh)
        w[p + "post_attention_layernorm.weight"] = 1 + r(d, std=0.2)
        w[p + "mlp.gate_proj.weight"] = r(f, d)
        w[p + "mlp.up_proj.weight"] = r(f, d)
        w[p + "mlp.down_proj.weight"] = r(d, f)
        if cfg.get("attention_bias"):
            for part, size in dict(q=H * dh, k=K * dh, v=K * dh).items():
                w[p + f"self_attn.{part}_proj.bias"] = r(size, std=0.5)
            if cfg["attention_bias"] is True:
                w[p + "self_attn.o_proj.bias"] = r(d, std=0.5)
        if cfg.get("mlp_bias"):
            for part, size in dict(gate=f, up=f, down=d).items():
                w[p + f"mlp.{part}_proj.bias"] = r(size, std=0.5)
        if cfg.get("use_qk_norm"):
            w[p + "self_attn.q_norm.weight"] = 1.5 + r(dh, std=0.4)
            w[p + "self_attn.k_norm.weight"] = 1.5 + r(dh, std=0.4)
    w["model.norm.weight"] = 1 + r(d, std=0.2)
    if not cfg["tie_word_embeddings"]:
        w["lm_head.weight"] = r(v, d)
    return {k: t.to(torch.float32).to(torch.float64) for k, t in w.items()}


def normalise(x, eps):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps)


def project(w, name, x):
    y = x @ w[name + ".weight"].T
    return y + w[name + ".bias"] if name + ".bias" in w else y


def heads(cfg, w, name, x, count, norm=None):
    """[count, n, head_dim]: the projection of x, each head normalised where there is a norm of that name."""
    y = project(w, name, x).view(-1, count, cfg["head_dim"])
    if norm is not None and norm in w:
        y = normalise(y, cfg["rms_norm_eps"]) * w[norm]
    return y.transpose(0, 1)


def forward(cfg, w, tokens):
    d, L = cfg["hidden_size"], cfg["num_hidden_layers"]
    H, K, dh, eps = cfg["num_attention_heads"], cfg["num_key_value_heads"], cfg["head_dim"], cfg["rms_norm_eps"]
    pos = cfg["position_embedding_type"]
    n = len(tokens)
    e = w["model.embed_tokens.weight"][tokens]
    if pos == "learned":
        e = e + w["model.embed_positions.weight"][:n]
    x0 = e
    if cfg["initial_state_window"] > 1:
        m = w["model.initial_state.weight"]          # matrix j - 1 mixes in the embedding j positions back
        x0 = e + sum(torch.cat([torch.zeros(j, d), e[: n - j]]) @ m[j - 1].T for j in range(1, min(cfg["initial_state_window"], n)))
    state = normalise(x0, eps)                        # the context state: all that later tokens see of a token
    h = x0
    mask = torch.full((n, n), float("-inf")).triu(1)
    if pos == "alibi":
        dist = (torch.arange(n)[:, None] - torch.arange(n)[None]).clamp(min=0)
        mask = mask - torch.tensor(alibi_slopes(H))[:, None, None] * dist
    for l in range(L):
        p = f"model.layers.{l}."
        g = w[p + "input_layernorm.weight"]
        u = normalise(h, eps) * g
        src = state * g if cfg["attention_types"][l] == "inattention" else u
        q = heads(cfg, w, p + "self_attn.q_proj", u, H, p + "self_attn.q_norm.weight")
        k = heads(cfg, w, p + "self_attn.k_proj", src, K, p + "self_attn.k_norm.weight")
        v = heads(cfg, w, p + "self_attn.v_proj", src, K)
        if pos == "rope":
            q, k = rope(q, cfg), rope(k, cfg)
        k, v = (t.repeat_interleave(H // K, 0) for t in (k, v))
        a = (q @ k.transpose(1, 2) / math.sqrt(dh) + mask).softmax(-1)
        h = h + project(w, p + "self_attn.o_proj", (a @ v).transpose(0, 1).reshape(n, H * dh))
        u = normalise(h, eps) * w[p + "post_attention_layernorm.weight"]
        gated = torch.nn.functional.silu(project(w, p + "mlp.gate_proj", u)) * project(w, p + "mlp.up_proj", u)
        h = h + project(w, p + "mlp.down_proj", gated)
    h = normalise(h, eps) * w["model.norm.weight"]
    return h @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


def forward_at(cfg, w, tokens, positions):
    """Logits at chosen positions of a pure InAttention model: no hidden state is computed anywhere else."""
    d, L = cfg["hidden_size"], cfg["num_hidden_layers"]
    H, K, dh, eps = cfg["num_attention_heads"], cfg["num_key_value_heads"], cfg["head_dim"], cfg["rms_norm_eps"]
    pos, n, at = cfg["position_embedding_type"], len(tokens), torch.tensor(positions)
    assert set(cfg["attention_types"]) == {"inattention"} and pos != "learned"
    assert not cfg.get("attention_bias") and not cfg.get("mlp_bias") and not cfg.get("use_qk_norm")
    e = w["model.embed_tokens.weight"][tokens]
    x0 = e
    if cfg["initial_state_window"] > 1:
        m = w["model.initial_state.weight"]
        x0 = e + sum(torch.cat([torch.zeros(j, d), e[: n - j]]) @ m[j - 1].T for j in range(1, min(cfg["initial_state_window"], n)))
    state, h = normalise(x0, eps), x0[at]
    dist = at[:, None] - torch.arange(n)[None]
    mask = torch.where(dist < 0, float("-inf"), 0.0)
    if pos == "alibi":
        mask = mask - torch.tensor(alibi_slopes(H))[:, None, None] * dist.clamp(min=0)
    for l in range(L):
        p = f"model.layers.{l}."
        g = w[p + "input_layernorm.weight"]
        q = (normalise(h, eps) * g @ w[p + "self_attn.q_proj.weight"].T).view(-1, H, dh).transpose(0, 1)
        k = (state * g @ w[p + "self_attn.k_proj.weight"].T).view(n, K, dh).transpose(0, 1)
        v = (state * g @ w[p + "self_attn.v_proj.weight"].T).view(n, K, dh).transpose(0, 1)
        if pos == "rope":
            full = torch.zeros(H, n, dh); full[:, at] = q
            q, k = rope(full, cfg)[:, at], rope(k, cfg)
        k, v = (t.repeat_interleave(H // K, 0) for t in (k, v))
        a = (q @ k.transpose(1, 2) / math.sqrt(dh) + mask).softmax(-1)
        h = h + (a @ v).transpose(0, 1).reshape(-1, H * dh) @ w[p + "self_attn.o_proj.weight"].T
        u = normalise(h, eps) * w[p + "post_attention_layernorm.weight"]
        h = h + (torch.nn.functional.silu(u @ w[p + "mlp.gate_proj.weight"].T) * (u @ w[p + "mlp.up_proj.weight"].T)) @ w[p + "mlp.down_proj.weight"].T
    return normalise(h, eps) * w["model.norm.weight"] @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


BASE = dict(model_type="inattention", vocab_size=61, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
            num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-5,
            rope_theta=10000.0, tie_word_embeddings=True, initial_state_window=1, position_embedding_type="rope",
            attention_types="inattention")
# What later families add, on a smaller model; texts are longer than the original lengths of the scalings.
SMALL = dict(vocab_size=41, hidden_size=24, intermediate_size=32, num_attention_heads=2, num_key_value_heads=1, head_dim=16,
             num_hidden_layers=2)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=10)
CASES = {
    "rope": {},
    "alibi": dict(position_embedding_type="alibi"),
    "learned": dict(position_embedding_type="learned"),
    "none": dict(position_embedding_type="none"),
    "window": dict(initial_state_window=4),
    "untied-mha": dict(tie_word_embeddings=False, num_key_value_heads=4),
    "hybrid": dict(attention_types=["self", "inattention", "self"]),
    "self": dict(attention_types="self"),
    "alibi-odd-heads": dict(position_embedding_type="alibi", num_attention_heads=6, num_key_value_heads=3, head_dim=10, hidden_size=40),
    "window-alibi": dict(initial_state_window=3, position_embedding_type="alibi"),
    "learned-window": dict(position_embedding_type="learned", initial_state_window=3),
    "hybrid-window": dict(attention_types=["inattention", "self", "inattention"], initial_state_window=3),
    "short": dict(initial_state_window=4, n=2),
    "long-rope": dict(initial_state_window=3, n=33000, vocab_size=509),
    "long-alibi": dict(position_embedding_type="alibi", n=33000, vocab_size=509),
    "odd": dict(vocab_size=53, hidden_size=36, intermediate_size=44, num_attention_heads=3, num_key_value_heads=1, head_dim=12),
    "rope-linear": dict(SMALL, initial_state_window=3, rope_scaling=dict(type="linear", factor=4.0)),
    "rope-llama3": dict(SMALL, num_hidden_layers=3, attention_types=["inattention", "self", "inattention"], rope_theta=500.0,
                        rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                          original_max_position_embeddings=30)),
    "rope-yarn": dict(SMALL, initial_state_window=3, rope_scaling=dict(
        YARN, beta_fast=1.2, beta_slow=0.05, mscale=2.0, mscale_all_dim=0.5, truncate=False)),
    "rope-yarn-self": dict(SMALL, attention_types="self", rope_scaling=dict(YARN, original_max_position_embeddings=900)),
    "biases": dict(SMALL, attention_bias=True, mlp_bias=True),
    "biases-window": dict(SMALL, attention_bias="qkv", initial_state_window=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8),
    "norms": dict(SMALL, use_qk_norm=True, num_attention_heads=4, num_key_value_heads=2, head_dim=8),
    "norms-alibi": dict(SMALL, use_qk_norm=True, attention_bias="qkv", initial_state_window=2, position_embedding_type="alibi"),
    "norms-learned": dict(SMALL, use_qk_norm=True, position_embedding_type="learned"),
    "norms-hybrid-yarn": dict(SMALL, num_hidden_layers=3, attention_types=["inattention", "self", "inattention"],
                              use_qk_norm=True, attention_bias=True, initial_state_window=3, rope_scaling=YARN),
}


def long_case(out, name, cfg, w, tokens, n):
    positions = [0, 1023, 1024, 16385, n - 1]
    leaf = {k: t.clone().requires_grad_() for k, t in w.items()}
    logits = forward_at(cfg, leaf, tokens[:n], positions)
    nll = torch.nn.functional.cross_entropy(logits, tokens[torch.tensor(positions) + 1], reduction="none")
    grads = torch.autograd.grad(nll.mean(), list(leaf.values()))
    os.makedirs(out, exist_ok=True)
    json.dump(cfg, open(os.path.join(out, "config.json"), "w"), indent=1)
    save_safetensors(os.path.join(out, "model.safetensors"), w)
    save_safetensors(os.path.join(out, "expected.safetensors"), {"logits_at_positions": logits, **{"grad_at_positions." + k: g for k, g in zip(leaf, grads)}})
    json.dump(dict(tokens=tokens.tolist(), loss_positions=positions, loss_at_positions=nll.mean().item(), nll_at_positions=nll.tolist()), open(os.path.join(out, "case.json"), "w"))
    print(name, "loss at positions %.6f" % nll.mean().item())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out"); ap.add_argument("--seed", type=int, default=1); ap.add_argument("--only")
    a = ap.parse_args()
    for i, (name, over) in enumerate(CASES.items()):
        if a.only and name != a.only:
            continue
        cfg = {**BASE, **over}
        if isinstance(cfg["attention_types"], str):
            cfg["attention_types"] = [cfg["attention_types"]] * cfg["num_hidden_layers"]
        gen = torch.Generator().manual_seed(1000 * a.seed + i)
        w = init(cfg, gen)
        n = cfg.pop("n", 40)
        tokens = torch.randint(0, cfg["vocab_size"], (n + 1,), generator=gen)
        if n > 12:
            tokens[7:12] = tokens[3]                              # repeated tokens
        if n > 1000:
            long_case(os.path.join(a.out, name), name, cfg, w, tokens, n)
            continue
        leaf = {k: t.clone().requires_grad_() for k, t in w.items()}
        logits = forward(cfg, leaf, tokens[:n])
        nll = torch.nn.functional.cross_entropy(logits, tokens[1:], reduction="none")
        positions = [5, 17, 23, 38, 39] if n == 40 else [n - 1]   # the loss looks at these positions only
        loss, sub = nll.mean(), nll[positions].mean()
        gs = torch.autograd.grad(sub, list(leaf.values()), retain_graph=True)
        gf = torch.autograd.grad(loss, list(leaf.values()))
        out = os.path.join(a.out, name); os.makedirs(out, exist_ok=True)
        json.dump(cfg, open(os.path.join(out, "config.json"), "w"), indent=1)
        save_safetensors(os.path.join(out, "model.safetensors"), w)
        exp = {"logits": logits}
        exp.update({"grad." + k: g for k, g in zip(leaf, gf)})
        exp.update({"grad_at_positions." + k: g for k, g in zip(leaf, gs)})
        save_safetensors(os.path.join(out, "expected.safetensors"), exp)
        json.dump(dict(tokens=tokens.tolist(), loss_positions=positions, loss=loss.item(), loss_at_positions=sub.item(), nll=nll.tolist()),
                  open(os.path.join(out, "case.json"), "w"))
        print(name, "loss %.6f" % loss.item())


if __name__ == "__main__":
    main()
