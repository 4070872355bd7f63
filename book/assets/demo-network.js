/* The embedded model in plain JavaScript: its tokenizer, its forward pass, its sparse autoencoders.

   A GPT-2, computed token by token with keys and values kept, so that a text that goes on where the last one ended costs
   its new tokens alone. Weights are half-precision numbers in base64, as they ship; what is computed is single precision.
   Depth d is the residual stream after d blocks: 0 is the embedding. */
(() => {
  "use strict";
  const WORD = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
  const SMALLEST_NORM = 1e-8;

  /* Numbers */

  const halves = (() => {
    const table = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) {
      const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
      table[bits] = exponent === 0 ? sign * fraction * 2 ** -24
        : exponent === 31 ? (fraction ? NaN : sign * Infinity) : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
    }
    return table;
  })();

  /* Tensors by name, as single-precision numbers, row by row. */
  const unpacked = ({ tensors, data }) => {
    const bytes = atob(data);
    let at = 0;
    return Object.fromEntries(tensors.map(([name, shape]) => {
      const values = new Float32Array(shape.reduce((all, size) => all * size, 1));
      for (let i = 0; i < values.length; i++, at += 2) values[i] = halves[bytes.charCodeAt(at) | (bytes.charCodeAt(at + 1) << 8)];
      return [name, values];
    }));
  };

  /* The row vector x times a matrix (rows, columns), plus a bias; four rows at a time, which is twice as fast as one. */
  const times = (x, matrix, bias) => {
    const columns = bias.length, out = Float32Array.from(bias);
    for (let row = 0, at = 0; row < x.length; row += 4, at += 4 * columns) {
      const a = x[row], b = x[row + 1], c = x[row + 2], d = x[row + 3];
      for (let j = 0, i = at; j < columns; j++, i++) {
        out[j] += a * matrix[i] + b * matrix[i + columns] + c * matrix[i + 2 * columns] + d * matrix[i + 3 * columns];
      }
    }
    return out;
  };

  const dot = (x, rows, row) => {
    let sum = 0;
    for (let i = 0, at = row * x.length; i < x.length; i++, at++) sum += x[i] * rows[at];
    return sum;
  };

  const softmax = (scores) => {
    const most = Math.max(...scores), powers = scores.map((score) => Math.exp(score - most));
    const total = powers.reduce((all, power) => all + power, 0);
    return powers.map((power) => power / total);
  };

  /* Complementary error function to 1.2e-7 (Press et al., Numerical Recipes, 6.2). */
  const ERFC = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const erfc = (x) => {
    const t = 1 / (1 + Math.abs(x) / 2);
    const tail = t * Math.exp(-x * x + ERFC.reduceRight((sum, factor) => sum * t + factor, 0));
    return x >= 0 ? tail : 2 - tail;
  };
  const gelu = (x) => x * erfc(-x * Math.SQRT1_2) / 2;

  /* Text */

  /* Byte-level BPE writes every byte as a letter: printable ones as themselves, the others from U+0100 on. */
  const letters = (() => {
    const printable = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    let other = 256;
    return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : other++));
  })();
  const encoder = new TextEncoder();

  class Tokenizer {
    constructor({ vocabulary, seen, bos }) {
      this.ids = new Map(vocabulary.map((token, id) => [token, id]));
      this.seen = new Set(seen);
      this.bos = bos;
    }

    /* Words with their tokens: one token for a word that the model knows, else one token for every byte. */
    words(text) {
      return ((text.startsWith(" ") ? "" : " ") + text).match(WORD).map((word) => {
        const written = [...encoder.encode(word)].map((byte) => letters[byte]).join("");
        const ids = this.ids.has(written) ? [this.ids.get(written)] : [...written].map((letter) => this.ids.get(letter));
        return { text: word, ids, known: ids.length === 1 && this.seen.has(ids[0]) };
      });
    }

    encode(text) {
      return [this.bos, ...this.words(text).flatMap((word) => word.ids)];
    }
  }

  /* The model */

  class Network {
    constructor(model) {
      Object.assign(this, { layers: model.layers, heads: model.heads, width: model.width, context: model.context });
      this.epsilon = model.epsilon;
      this.labels = Object.entries(model.labels);
      const weights = unpacked(model);
      const part = (name) => ({ weight: weights[`${name}.weight`], bias: weights[`${name}.bias`] });
      this.tokens = weights["transformer.wte.weight"];
      this.positions = weights["transformer.wpe.weight"];
      this.last = part("transformer.ln_f");
      this.head = weights["lm_head.weight"];
      const parts = { readNorm: "ln_1", read: "attn.c_attn", write: "attn.c_proj", thinkNorm: "ln_2", widen: "mlp.c_fc", narrow: "mlp.c_proj" };
      this.blocks = Array.from({ length: model.layers }, (_, layer) => Object.fromEntries(
        Object.entries(parts).map(([name, stored]) => [name, part(`transformer.h.${layer}.${stored}`)])));
      const room = () => this.blocks.map(() => new Float32Array(model.context * model.width));
      this.keys = room();
      this.values = room();
      this.kept = [];
    }

    /* The residual stream at the last token, at every depth. */
    run(ids) {
      let start = 0;
      while (start < ids.length - 1 && ids[start] === this.kept[start]) start++;
      const streams = ids.slice(start).map((id, i) => this.embedded(id, start + i));
      const depths = [streams.at(-1)];
      this.blocks.forEach((_, layer) => {
        streams.forEach((x, i) => { streams[i] = this.through(layer, x, start + i); });
        depths.push(streams.at(-1));
      });
      this.kept = ids;
      return depths;
    }

    /* Put an activation in at the last token of the text just read; the residual stream from that depth on. */
    follow(depth, x) {
      const position = this.kept.length - 1, depths = [x];
      for (let layer = depth; layer < this.layers; layer++) depths.push(this.through(layer, depths.at(-1), position));
      this.kept = [...this.kept.slice(0, -1), NaN]; // the last token's keys and values now come from the changed activation
      return depths;
    }

    embedded(id, position) {
      const { width, tokens, positions } = this;
      return Float32Array.from({ length: width }, (_, i) => tokens[id * width + i] + positions[position * width + i]);
    }

    through(layer, x, position) {
      const block = this.blocks[layer];
      const attended = times(this.attention(layer, this.normal(x, block.readNorm), position), block.write.weight, block.write.bias);
      const middle = x.map((value, i) => value + attended[i]);
      const hidden = times(this.normal(middle, block.thinkNorm), block.widen.weight, block.widen.bias);
      for (let i = 0; i < hidden.length; i++) hidden[i] = gelu(hidden[i]);
      const thought = times(hidden, block.narrow.weight, block.narrow.bias);
      return middle.map((value, i) => value + thought[i]);
    }

    attention(layer, x, position) {
      const { width, heads } = this, size = width / heads, scale = 1 / Math.sqrt(size);
      const keys = this.keys[layer], values = this.values[layer], { weight, bias } = this.blocks[layer].read;
      const all = times(x, weight, bias), out = new Float32Array(width);
      keys.set(all.subarray(width, 2 * width), position * width);
      values.set(all.subarray(2 * width), position * width);
      for (let from = 0; from < width; from += size) {
        const scores = new Array(position + 1);
        for (let other = 0; other <= position; other++) {
          let sum = 0;
          for (let i = from, at = other * width + from; i < from + size; i++, at++) sum += all[i] * keys[at];
          scores[other] = sum * scale;
        }
        softmax(scores).forEach((share, other) => {
          for (let i = from, at = other * width + from; i < from + size; i++, at++) out[i] += share * values[at];
        });
      }
      return out;
    }

    normal(x, { weight, bias }) {
      const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
      const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
      const scale = 1 / Math.sqrt(variance + this.epsilon);
      return x.map((value, i) => (value - mean) * scale * weight[i] + bias[i]);
    }

    /* Read an activation with the final norm and unembedding: probabilities of the labels alone, and their sum among all words. */
    readOut(x) {
      const normal = this.normal(x, this.last), n = this.head.length / this.width;
      const all = softmax(Array.from({ length: n }, (_, token) => dot(normal, this.head, token)));
      const share = this.labels.reduce((sum, [, id]) => sum + all[id], 0);
      const scores = this.labels.map(([, id]) => dot(normal, this.head, id));
      return { labels: softmax(scores), share };
    }
  }

  /* Sparse autoencoders */

  class Sae {
    constructor({ k, selective, ...packed }) {
      const { W_enc, b_enc, W_dec, b_dec, peak, means } = unpacked(packed);
      Object.assign(this, { k, selective, W_enc, b_enc, W_dec, b_dec, peak, means });
      this.width = b_dec.length;
      this.size = b_enc.length;
      this.norms = Float32Array.from(b_enc, (_, i) => Math.max(SMALLEST_NORM,
        Math.hypot(...W_dec.subarray(i * this.width, (i + 1) * this.width))));
    }

    /* Features that fire, as [number, value], the strongest first; values are scaled to decoder rows of length one. */
    encode(x) {
      const before = times(x.map((value, i) => value - this.b_dec[i]), this.W_enc, this.b_enc);
      const ranked = Array.from(before, (value, i) => [i, value * this.norms[i]]).sort((one, other) => other[1] - one[1]);
      return ranked.slice(0, this.k).filter(([, value]) => value > 0);
    }

    /* Move features of an activation, given as [number, difference]. What the SAE does not explain stays. */
    move(x, differences) {
      const out = Float32Array.from(x);
      for (const [feature, difference] of differences) {
        const scale = difference / this.norms[feature];
        for (let i = 0, at = feature * this.width; i < this.width; i++, at++) out[i] += scale * this.W_dec[at];
      }
      return out;
    }

    /* Mean value of a feature over the texts of each label. */
    profile(feature) {
      return Array.from({ length: this.means.length / this.size }, (_, label) => this.means[label * this.size + feature]);
    }
  }

  Object.assign(window.emomech, { Tokenizer, Network, Sae });
})();
