"""Writes the hostile safetensors files, what is expected of each, and the README: python make.py (no packages needed).

Each case: file name, what is wrong with it, rule, message after "FILE: " (None: the file is sound and must open), bytes.
"""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = []


def case(name, about, rule, message, data):
    CASES.append((name + ".safetensors", about, rule, message, data))


def framed(header, body=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def tensor(name="a", dtype='"U8"', shape="[2]", offsets="[0,2]", more=""):
    return f'"{name}":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{more}}}'


def one(**fields):
    return "{" + tensor(**fields) + "}"


# Sound files that a careless reader refuses or misreads.
case("sound-smallest", "the format's smallest example", None, None, framed(one() + "   ", b"\1\2"))
case("sound-no-tensors", "an empty object and no data", None, None, framed("{}"))
case("sound-unaligned", "a header of 55 bytes, so 16-bit elements start at an odd byte", None, None, framed(one(dtype='"BF16"', shape="[1]") + " ", b"\x80\x3f"))
case("sound-scalar", "shape [] is one element", None, None, framed(one(dtype='"F32"', shape="[]", offsets="[0,4]"), b"\0\0\x80\x3f"))
case("sound-zero-size", "a zero dimension has no bytes, in the middle of others", None, None,
     framed("{" + tensor() + "," + tensor("b", shape="[5,0,3]", offsets="[2,2]") + "," + tensor("c", offsets="[2,4]") + "}", b"\1\2\3\4"))
case("sound-other-order", "header order is not data order", None, None, framed("{" + tensor("b", offsets="[2,4]") + "," + tensor() + "}", b"\1\2\3\4"))
case("sound-unknown-field", "unknown fields of a tensor are skipped", None, None, framed(one(more=',"note":{"x":[1,{"y":null}]}'), b"\1\2"))
case("sound-metadata", "metadata at the end, with escapes", None, None, framed("{" + tensor() + ',"__metadata__":{"format":"p\\u0074","":""}}', b"\1\2"))
case("sound-not-a-number", "NaN is data like any other", None, None, framed(one(dtype='"F32"', shape="[1]", offsets="[0,4]"), b"\0\0\xc0\x7f"))

# Rules 1 to 3: the first eight bytes.
case("empty", "no byte at all", "header-too-small", "the file is empty; expected a safetensors file.", b"")
case("seven-bytes", "shorter than the length field", "header-too-small", "the file has 7 bytes; a safetensors file has at least 8.", b"\2\0\0\0\0\0\0")
case("header-one-over-the-limit", "announces 100,000,001 bytes", "header-too-large",
     "the header is announced with 100000001 bytes; at most 100000000 are allowed.", framed("{}", length=100_000_001))
case("header-of-all-ones", "announces 2^64 - 1 bytes, which overflows signed and unsigned sums", "header-too-large",
     "the header is announced with 18446744073709551615 bytes; at most 100000000 are allowed.", framed("{}", length=2**64 - 1))
case("header-longer-than-the-file", "announces one byte more than there is", "invalid-header-length",
     "the header is announced with 3 bytes, but only 2 bytes follow.", framed("{}", length=3))
case("truncated-in-the-header", "cut in the middle of its header", "invalid-header-length",
     "the header is announced with 53 bytes, but only 20 bytes follow.", framed(one(), b"\1\2")[:28])
case("gguf", "a GGUF file under a wrong name", "not-safetensors",
     "this is a GGUF file, not safetensors; open it by itself.", b"GGUF\3\0\0\0" + bytes(56))
case("zip", "a PyTorch zip archive", "not-safetensors",
     "this is a zip archive, probably a PyTorch .bin or .pt file, not safetensors; convert it with the safetensors package first.", b"PK\3\4\0\0\x08\x08" + bytes(56))
case("pickle", "an old PyTorch pickle", "not-safetensors",
     "this is a Python pickle, probably a PyTorch .bin file, not safetensors; convert it with the safetensors package first.", b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(20))
case("lfs-pointer", "a Git LFS pointer instead of the file", "not-safetensors",
     "this is a Git LFS pointer, not the tensors; fetch them with 'git lfs pull' or 'hf download'.", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
case("web-page", "an error page saved under the name", "not-safetensors", "this is a web page, not safetensors; the download went wrong.", b"<!DOCTYPE html><html></html>")
case("gzip", "a compressed file", "not-safetensors", "this is a gzip archive, not safetensors; unpack it first.", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + bytes(20))

# Rule 4: the header's text.
case("not-utf8", "a byte that is not UTF-8 in a name", "header-utf8", "the header is not valid UTF-8.", framed(one(name="?").encode().replace(b"?", b"\xff"), b"\1\2"))
case("header-empty", "a header of no bytes", "header-start", "the header is empty; expected a JSON object.", framed(""))
case("header-begins-with-a-space", "padding before the object", "header-start", "the header begins with byte 0x20; expected '{' (0x7B).", framed(" " + one(), b"\1\2"))
case("header-is-a-list", "a JSON list", "header-start", "the header begins with byte 0x5B; expected '{' (0x7B).", framed("[]"))


def bad(name, about, header, message):
    case(name, about, "header-json", message, framed(header, b"\1\2"))


bad("json-unfinished", "the object does not end", one()[:-1], "the header is not valid JSON near header byte 52.")
bad("json-trailing-text", "text after the object", one() + " x", "the header is not valid JSON near header byte 54.")
bad("json-two-objects", "two objects", "{}{}", "the header is not valid JSON near header byte 2.")
bad("json-comment", "a comment", one() + "//", "the header is not valid JSON near header byte 53.")
bad("json-trailing-comma", "a comma before the end", one()[:-1] + ",}", "the header is not valid JSON near header byte 53.")
bad("json-zero-bytes-as-padding", "padded with NUL instead of spaces", one() + "\0", "the header is not valid JSON near header byte 53.")
bad("json-half-a-surrogate-pair", "an escape that is no character", one(name="\\ud800"), "the header holds text that is not Unicode near header byte 10.")
bad("json-too-deep", "an unknown field nested 20 deep", one(more=',"x":' + "[" * 20 + "]" * 20), "the header is not valid JSON near header byte 70.")
bad("tensor-is-null", "null instead of a tensor", '{"a":null}', "tensor 'a' is null; expected an object.")
bad("tensor-is-a-list", "a list instead of a tensor", '{"a":[]}', "tensor 'a' is a list; expected an object.")
bad("no-dtype", "no dtype", '{"a":{"shape":[2],"data_offsets":[0,2]}}', "tensor 'a' has no dtype.")
bad("no-shape", "no shape", '{"a":{"dtype":"U8","data_offsets":[0,2]}}', "tensor 'a' has no shape.")
bad("no-offsets", "no data_offsets", '{"a":{"dtype":"U8","shape":[2]}}', "tensor 'a' has no data_offsets.")
bad("dtype-unknown", "a dtype in lower case", one(dtype='"u8"'), "tensor 'a' has the unknown dtype 'u8'.")
bad("dtype-number", "a dtype that is a number", one(dtype="4"), "tensor 'a' has a dtype that is a number; expected a string.")
bad("dtype-twice", "two dtypes", one(more=',"dtype":"I8"'), "tensor 'a' has two fields named dtype.")
bad("shape-twice", "two shapes, the second with an escaped key", one(more=',"sh\\u0061pe":[2]'), "tensor 'a' has two fields named shape.")
bad("shape-negative", "a negative size", one(shape="[-2]"), f"tensor 'a' has a value in its shape that is not an integer from 0 to {2**63 - 1}.")
bad("shape-minus-zero", "-0", one(shape="[-0]"), f"tensor 'a' has a value in its shape that is not an integer from 0 to {2**63 - 1}.")
bad("shape-fraction", "2.0", one(shape="[2.0]"), f"tensor 'a' has a value in its shape that is not an integer from 0 to {2**63 - 1}.")
bad("shape-exponent", "2e0", one(shape="[2e0]"), f"tensor 'a' has a value in its shape that is not an integer from 0 to {2**63 - 1}.")
bad("shape-2-to-the-64", "a size of 2^64, which wraps to 0", one(shape=f"[{2**64}]"), f"tensor 'a' has a value in its shape that is not an integer from 0 to {2**63 - 1}.")
bad("shape-text", "a shape that is text", one(shape='"2"'), "tensor 'a' has a shape that is a string; expected a list of integers.")
bad("shape-nested", "a list inside the shape", one(shape="[[2]]"), f"tensor 'a' has a value in its shape that is not an integer from 0 to {2**63 - 1}.")
bad("one-offset", "one offset", one(offsets="[2]"), "tensor 'a' has 1 data_offsets; expected 2.")
bad("three-offsets", "three offsets", one(offsets="[0,1,2]"), "tensor 'a' has 3 data_offsets; expected 2.")
bad("offset-negative", "an offset of -1", one(offsets="[-1,1]"), f"tensor 'a' has a value in its data_offsets that is not an integer from 0 to {2**63 - 1}.")
bad("metadata-number", "metadata that is no text", '{"__metadata__":{"x":1},' + one()[1:], "__metadata__ 'x' is a number; expected a string.")
bad("metadata-list", "metadata that is a list", '{"__metadata__":[],' + one()[1:], "__metadata__ is a list; expected an object of strings.")
bad("metadata-twice", "two equal metadata keys", '{"__metadata__":{"x":"1","x":"2"},' + one()[1:], "__metadata__ 'x' occurs twice.")
bad("name-with-controls", "a name that would clear the terminal, in a message", one(name="\\u001b[2J\\u202e", dtype="null"),
    "tensor '\\u001B[2J\\u202E' has a dtype that is null; expected a string.")
bad("name-of-a-thousand-letters", "a long name in a message", one(name="n" * 1000, dtype="null"),
    "tensor '" + "n" * 120 + "… (1000 characters)' has a dtype that is null; expected a string.")
case("same-name-twice", "two tensors of one name", "duplicate-tensor", "'a' occurs twice in the header.",
     framed("{" + tensor() + "," + tensor(offsets="[2,4]") + "}", b"\1\2\3\4"))
case("same-name-escaped", "the second spelled with an escape", "duplicate-tensor", "'a' occurs twice in the header.",
     framed("{" + tensor() + "," + tensor("\\u0061", offsets="[2,4]") + "}", b"\1\2\3\4"))
case("metadata-key-twice", "two __metadata__", "duplicate-tensor", "'__metadata__' occurs twice in the header.",
     framed('{"__metadata__":{},"__metadata__":{},' + one()[1:], b"\1\2"))

# Rule 5: positions.
AT = "tensor '{}' occupies bytes [{}, {}); expected it to begin at {} and not to end before."


def placed(name, about, header, body, message):
    case(name, about, "invalid-offset", message, framed(header, body))


placed("overlap", "two tensors share a byte", "{" + tensor() + "," + tensor("b", offsets="[1,3]") + "}", b"\1\2\3", AT.format("b", 1, 3, 2))
placed("same-place", "two tensors in one place", "{" + tensor() + "," + tensor("b") + "}", b"\1\2", AT.format("b", 0, 2, 2))
placed("hole", "a byte that belongs to nobody", "{" + tensor() + "," + tensor("b", offsets="[3,5]") + "}", b"\1\2\3\4\5", AT.format("b", 3, 5, 2))
placed("first-not-at-zero", "data begin late", one(offsets="[1,3]"), b"\1\2\3", AT.format("a", 1, 3, 0))
placed("end-before-begin", "offsets in the wrong order", "{" + tensor() + "," + tensor("b", offsets="[2,1]") + "}", b"\1\2", AT.format("b", 2, 1, 2))
placed("begin-at-the-largest-integer", "an offset of 2^63 - 1", one(offsets=f"[{2**63 - 1},{2**63 - 1}]"), b"\1\2", AT.format("a", 2**63 - 1, 2**63 - 1, 0))

# Rules 6 to 9: sizes.
MORE = "tensor 'a' is U8 [{}], more bits than 64-bit arithmetic can count."
for name, about, shape in [("size-overflows", "2^32 · 2^32 elements, which wrap to 0", [2**32, 2**32]),
                           ("size-overflows-to-fit", "sizes whose wrapped product is the 2 that the offsets hold", [2**63 - 1, 2, 2**63 - 1]),
                           ("size-overflows-before-zero", "overflows before the zero that would have ended it", [2**62, 2**62, 0]),
                           ("bits-overflow", "2^61 bytes are 2^64 bits", [2**61])]:
    case(name, about, "validation-overflow", MORE.format(", ".join(map(str, shape))), framed(one(shape=json.dumps(shape, separators=(",", ":"))), b"\1\2"))
case("half-a-byte", "three 4-bit elements", "misaligned-slice", "tensor 'a' is F4 [3] = 12 bits, not a whole number of bytes.", framed(one(dtype='"F4"', shape="[3]"), b"\1\2"))
case("six-bits", "one 6-bit element", "misaligned-slice", "tensor 'a' is F6_E2M3 [1] = 6 bits, not a whole number of bytes.", framed(one(dtype='"F6_E2M3"', shape="[1]"), b"\1\2"))
SIZE = "tensor '{}' is {} [{}] = {} bytes, but its offsets hold {}."
case("four-bytes-short", "a bias of 32 in the place of 30", "tensor-size", SIZE.format("block.0.mlp.gate.bias", "BF16", 32, 64, 60),
     framed(one(name="block.0.mlp.gate.bias", dtype='"BF16"', shape="[32]", offsets="[0,60]"), bytes(60)))
case("scalar-without-bytes", "shape [] is one element, not none", "tensor-size", SIZE.format("a", "U8", "", 1, 0), framed(one(shape="[]", offsets="[0,0]")))
case("zero-size-with-bytes", "a zero dimension in the place of two bytes", "tensor-size", SIZE.format("a", "U8", "0", 0, 2), framed(one(shape="[0]"), b"\1\2"))
case("large-tensor-in-a-small-file", "4 TiB in 2 bytes", "tensor-size", SIZE.format("a", "F32", 2**40, 2**42, 2), framed(one(dtype='"F32"', shape=f"[{2**40}]"), b"\1\2"))
END = "the tensors end at byte {} of a {}-byte data section."
case("trailing-byte", "one byte too many", "incomplete-buffer", END.format(2, 3), framed(one(), b"\1\2\3"))
case("data-cut", "the last byte is missing", "incomplete-buffer", END.format(2, 1), framed(one(), b"\1"))
case("no-tensors-but-data", "bytes that belong to nobody", "incomplete-buffer", END.format(0, 2), framed("{}", b"\1\2"))
case("four-tebibytes-past-the-end", "a consistent tensor that the file does not hold", "incomplete-buffer", END.format(2**42, 2),
     framed(one(shape=f"[{2**42}]", offsets=f"[0,{2**42}]"), b"\1\2"))

os.makedirs(f"{HERE}/safetensors", exist_ok=True)
for name, _, _, _, data in CASES:
    with open(f"{HERE}/safetensors/{name}", "wb") as f:
        f.write(data)
with open(f"{HERE}/expected.json", "w", encoding="utf-8") as f:
    json.dump({n: None if r is None else {"rule": r, "message": f"{n}: {m}"} for n, _, r, m, _ in CASES}, f, indent=1, ensure_ascii=False)
    f.write("\n")
with open(f"{HERE}/README.md", "w", encoding="utf-8") as f:
    f.write("# Hostile files\n\nOne file per way to be wrong, and sound ones that a careless reader refuses. Written by `python make.py`, which holds the expectations;\n"
            "`expected.json` lists rule and whole message of each (null: it must open). Cases that need a whole checkpoint, a configuration or a folder\n"
            "are made by the tests.\n\n| file | what is wrong | rule |\n| --- | --- | --- |\n")
    for name, about, rule, _, _ in CASES:
        f.write(f"| `{name}` | {about} | {rule or 'sound'} |\n")
