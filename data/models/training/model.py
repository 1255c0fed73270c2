"""The Llama forward pass that the bundled models are trained with; exported under Hugging Face's tensor names."""
import torch
import torch.nn.functional as F
from torch import nn

SHAPES = {
    "reasoner": dict(width=128, layers=4, heads=4, kv_heads=2, hidden=384),
    "writer": dict(width=96, layers=3, heads=4, kv_heads=2, hidden=256),
}
ROPE_THETA, NORM_EPS = 10000.0, 1e-5


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), NORM_EPS)


def rotate(x, cos, sin):
    """x (batch, heads, length, head size), rotated by halves as Hugging Face's Llama does."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Layer(nn.Module):
    def __init__(self, width, heads, kv_heads, hidden):
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads, width // heads
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.q = nn.Linear(width, heads * self.size, bias=False)
        self.k = nn.Linear(width, kv_heads * self.size, bias=False)
        self.v = nn.Linear(width, kv_heads * self.size, bias=False)
        self.o = nn.Linear(heads * self.size, width, bias=False)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        split = lambda t, heads: t.view(batch, length, heads, self.size).transpose(1, 2)
        y = self.norm1(x)
        q = rotate(split(self.q(y), self.heads), cos, sin)
        k = rotate(split(self.k(y), self.kv_heads), cos, sin).repeat_interleave(self.heads // self.kv_heads, 1)
        v = split(self.v(y), self.kv_heads).repeat_interleave(self.heads // self.kv_heads, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(batch, length, -1))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, kv_heads, hidden):
        super().__init__()
        self.size = width // heads
        self.embed = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(Layer(width, heads, kv_heads, hidden) for _ in range(layers))
        self.norm = Norm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.embed.weight, std=0.5)
        for name, weight in self.named_parameters():
            if weight.ndim == 2 and "embed" not in name:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 * (0.3 if ("o." in name or "down" in name) else 1.0))
        nn.init.zeros_(self.head.weight)

    def forward(self, ids, positions):
        """ids and positions (batch, length) to the last layer's normed states (batch, length, width)."""
        frequency = ROPE_THETA ** (-torch.arange(0, self.size, 2) / self.size)
        angle = positions[:, None, :, None].float() * frequency  # (batch, 1, length, size / 2)
        x = self.embed(ids)
        dtype = torch.bfloat16
        cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def named(self):
        """(Hugging Face's name, our parameter) of every tensor."""
        names = {"norm1": "input_layernorm", "norm2": "post_attention_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
                 "v": "self_attn.v_proj", "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
        yield from (("model.embed_tokens.weight", self.embed.weight), ("model.norm.weight", self.norm.weight), ("lm_head.weight", self.head.weight))
        for i, layer in enumerate(self.layers):
            for ours, theirs in names.items():
                yield f"model.layers.{i}.{theirs}.weight", getattr(layer, ours).weight

    def tensors(self):
        """State under Hugging Face's names, float32."""
        return {name: parameter.detach().float().contiguous().clone() for name, parameter in self.named()}

    @torch.no_grad()
    def take(self, tensors):
        """The inverse of tensors()."""
        for name, parameter in self.named():
            parameter.copy_(tensors[name])
