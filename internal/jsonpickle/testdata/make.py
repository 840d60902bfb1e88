"""Write bytes.tsv: the document and, in base 64, the bytes that jsonpickle makes it of.

The documents of before 1.2 and before 0.9.5 are made as they were then. The oldest no
jsonpickle reads since 3.0: it is read as 2.2 did.
"""

import base64
import json
import quopri
import random

import jsonpickle

random.seed(6)
with open("bytes.tsv", "w", encoding="utf-8") as out:
    print(f"# jsonpickle {jsonpickle.__version__}", file=out)
    for data in [b"", b"a", b"ab", b"abc", b"\x80\x05K\x01.", random.randbytes(100), random.randbytes(1001)]:
        for document in (
            jsonpickle.encode(data, keys=True),
            jsonpickle.encode(data, keys=True, use_base85=True),
            json.dumps({"py/b64": base64.encodebytes(data).decode()}),
            json.dumps({"py/bytes": quopri.encodestring(data).decode()}),
        ):
            oldest = json.loads(document).get("py/bytes")
            said = jsonpickle.decode(document) if oldest is None else quopri.decodestring(oldest)
            assert said == data, document
            print(document, base64.b64encode(said).decode(), sep="\t", file=out)
