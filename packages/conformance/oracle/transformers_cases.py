"""Golden cases from Hugging Face transformers: other code, by other people, for the same mathematics.

Tiny models of the Llama family with random weights: logits, losses and the gradient of every parameter, as
LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM compute them. Their norms and rotary
angles are float32 whatever the model is in, so these expectations are as exact as float32 is ("accuracy" in
case.json: relative to the largest number). transformers' own config.json is kept as hugging-face.json.

    python3 transformers_cases.py OUT_DIR        (made with transformers 5.24 and torch 2.15)
"""
import copy, json, os, sys
import torch
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)
import decoder

SIZES = dict(vocab_size=41, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=8, rms_norm_eps=1e-5, max_position_embeddings=64, bos_token_id=None,
             eos_token_id=None, pad_token_id=None)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=30)
YARN = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=16, beta_fast=2.0, beta_slow=0.1)
CASES = {
    "transformers-llama": (LlamaForCausalLM, LlamaConfig, dict(
        rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
    "transformers-mistral": (MistralForCausalLM, MistralConfig, dict(
        rope_parameters=dict(rope_type="linear", factor=3.0, rope_theta=10000.0), sliding_window=None, tie_word_embeddings=False)),
    "transformers-qwen2": (Qwen2ForCausalLM, Qwen2Config, dict(rope_parameters=YARN, tie_word_embeddings=True)),
    "transformers-qwen3": (Qwen3ForCausalLM, Qwen3Config, dict(
        rope_parameters=dict(YARN, mscale=2.0, mscale_all_dim=0.5, truncate=False), tie_word_embeddings=False)),
}


def own_config(config, kind):
    """config.json of this project for one of transformers'."""
    rope = dict(config.rope_parameters)
    theta = rope.pop("rope_theta")
    own = dict(model_type="inattention", position_embedding_type="rope", initial_state_window=1,
               attention_types=["self"] * config.num_hidden_layers, rope_theta=theta, rope_scaling=rope)
    for name in SIZES:
        if name.endswith("_id") or name in own:
            continue
        own[name] = getattr(config, name)
    own["tie_word_embeddings"] = config.tie_word_embeddings
    own["attention_bias"] = "qkv" if kind is Qwen2Config else bool(getattr(config, "attention_bias", False))
    own["mlp_bias"] = bool(getattr(config, "mlp_bias", False))
    own["use_qk_norm"] = kind is Qwen3Config
    return own


def main(out):
    for i, (name, (model_class, kind, over)) in enumerate(CASES.items()):
        config = kind(**{**SIZES, **copy.deepcopy(over)}, attn_implementation="eager")
        generator = torch.Generator().manual_seed(7000 + i)
        model = model_class(config).to(torch.float64).eval()
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                norm, bias = parameter_name.endswith("norm.weight"), parameter_name.endswith("bias")
                std = 1.0 if "embed_tokens" in parameter_name else 0.2 if norm else 0.5 if bias else 0.3
                values = values * std + (1 if norm else 0)
                parameter.copy_(values.to(torch.float32))
        tokens = torch.randint(0, config.vocab_size, (41,), generator=generator)
        tokens[7:12] = tokens[3]
        parameters = dict(model.named_parameters())                # a tied head appears once
        logits = model(tokens[None, :40]).logits[0]
        nll = torch.nn.functional.cross_entropy(logits, tokens[1:], reduction="none")
        positions = [5, 17, 23, 38, 39]
        at = torch.autograd.grad(nll[positions].mean(), list(parameters.values()), retain_graph=True)
        everywhere = torch.autograd.grad(nll.mean(), list(parameters.values()))
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        own = own_config(config, kind)
        json.dump(own, open(os.path.join(folder, "config.json"), "w"), indent=1)
        theirs = {k: v for k, v in config.to_dict().items() if k not in ("transformers_version", "_name_or_path")}
        json.dump(theirs, open(os.path.join(folder, "hugging-face.json"), "w"), indent=1)
        decoder.save_safetensors(os.path.join(folder, "model.safetensors"), parameters)
        expected = {"logits": logits}
        expected.update({"grad." + k: g for k, g in zip(parameters, everywhere)})
        expected.update({"grad_at_positions." + k: g for k, g in zip(parameters, at)})
        decoder.save_safetensors(os.path.join(folder, "expected.safetensors"), expected)
        json.dump(dict(tokens=tokens.tolist(), loss_positions=positions, loss=nll.mean().item(),
                       loss_at_positions=nll[positions].mean().item(), nll=nll.tolist(), accuracy=1e-5),
                  open(os.path.join(folder, "case.json"), "w"))
        print(name, "loss %.6f" % nll.mean().item(), "logits from decoder.py differ by %.1e" % difference(own, parameters, tokens, logits))


def difference(own, parameters, tokens, logits):
    weights = {k: p.detach().to(torch.float64) for k, p in parameters.items()}
    ours = decoder.forward(own, weights, tokens[:40])
    return ((ours - logits).abs().max() / logits.abs().max()).item()


if __name__ == "__main__":
    main(sys.argv[1])
