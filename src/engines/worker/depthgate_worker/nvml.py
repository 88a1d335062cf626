"""Driver version, clocks and temperature of a GPU, from the library that comes with the driver, else from nvidia-smi."""

import ctypes
import subprocess
from ctypes import byref, c_char_p, c_int, c_uint, c_ulonglong, c_void_p

SM, MEMORY = 1, 2
# bits of the reasons that hold clocks down because they must, not because nothing is asked of the GPU
THROTTLED = {0x4: "power cap", 0x8: "hardware slowdown", 0x20: "heat", 0x40: "heat (hardware)", 0x80: "power brake"}


class Nvml:
    def __init__(self, bus):
        self.bus = bus
        self.library = None
        for name in ("libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1"):
            try:
                self.library = ctypes.CDLL(name)
                break
            except OSError:
                pass
        self.device = c_void_p()
        if self.library and (
            self.library.nvmlInit_v2() != 0
            or self.library.nvmlDeviceGetHandleByPciBusId_v2(c_char_p(bus.encode()), byref(self.device)) != 0
        ):
            self.library = None

    def driver(self):
        """Such as "580.159.03", or None."""
        if self.library:
            text = ctypes.create_string_buffer(96)
            if self.library.nvmlSystemGetDriverVersion(text, c_uint(96)) == 0:
                return text.value.decode()
        found = self._smi("driver_version")
        return found[0] if found else None

    def state(self):
        """Clocks in MHz, temperature in degrees Celsius, power in watts, what throttles; None where it is not known."""
        if not self.library:
            found = self._smi("clocks.sm,clocks.mem,temperature.gpu,power.draw")
            names = ("smClock", "memoryClock", "temperature", "power")
            return {**dict(zip(names, (_number(text) for text in found or [""] * 4))), "throttled": None}
        reasons = self._reasons()
        power = self._read("nvmlDeviceGetPowerUsage")
        return {
            "smClock": self._read("nvmlDeviceGetClockInfo", c_int(SM)),
            "memoryClock": self._read("nvmlDeviceGetClockInfo", c_int(MEMORY)),
            "temperature": self._read("nvmlDeviceGetTemperature", c_int(0)),
            "power": None if power is None else power / 1000,
            "throttled": None if reasons is None else [word for bit, word in THROTTLED.items() if reasons & bit],
        }

    def _reasons(self):
        # renamed in driver 535; later ones may drop the old name
        for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
            value = c_ulonglong()
            if hasattr(self.library, name) and getattr(self.library, name)(self.device, byref(value)) == 0:
                return value.value
        return None

    def _read(self, name, *arguments):
        value = c_uint()
        code = getattr(self.library, name)(self.device, *arguments, byref(value))
        return value.value if code == 0 else None

    def _smi(self, query):
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", "-i", self.bus]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
        return [text.strip() for text in said.splitlines()[0].split(",")] if said.strip() else None


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None
