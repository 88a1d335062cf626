"""Converts FP32.onnx to FP16.onnx with onnxconverter-common, as its documentation shows, and prints as JSON the CPU
seconds and the peak resident memory in GB of this process.

    python3 -m venv /tmp/converter && /tmp/converter/bin/pip install onnx onnxconverter-common==1.16.0
    node bench/convert.mjs --python /tmp/converter/bin/python
"""

import json
import os
import resource
import sys

try:
    import onnx
    from onnxconverter_common import float16
except ImportError as error:
    sys.exit(f"{error}. How to get it:{__doc__.split('process.')[1]}")

model = onnx.load(sys.argv[1])
converted = float16.convert_float_to_float16(model, keep_io_types=True)
os.makedirs(os.path.dirname(sys.argv[2]), exist_ok=True)
onnx.save(converted, sys.argv[2])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024 / 1e9}))
