"""sentence-transformers on a BERT of all-MiniLM-L6-v2's shape: python3 sentences_peer.py FOLDER SCRATCH THREADS

FOLDER holds MiniLM's tokenizer.json. Its weights are drawn at random: the time does not depend on them.
"""
import sys
import time

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from worker import serve

folder, scratch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
BertModel(config).save_pretrained(scratch)
special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", **special).save_pretrained(scratch)
transformer = Transformer(scratch)
transformer.max_seq_length = 256
model = SentenceTransformer(modules=[transformer, Pooling(384, "mean"), Normalize()], device="cpu")
model.encode(["to warm up"] * 16)


def embed(sentences):
    start = time.perf_counter()
    shape = model.encode(sentences, batch_size=32).shape
    return {"seconds": time.perf_counter() - start, "rows": shape[0]}


def version():
    return {"version": f"sentence-transformers {sentence_transformers.__version__}, PyTorch {torch.__version__}"}


serve({"embed": embed, "version": version})
