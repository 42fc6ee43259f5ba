"""Time `unmask doctor` on 100,002 files: `python benchmarks/doctor.py`. Required: at most 5 s."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES_PER_FOLDER = 16_667
LIMIT_SECONDS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for split in ("train", "val", "test"):
            for word in ("real", "fake"):
                place = Path(folder) / split / word
                place.mkdir(parents=True)
                for number in range(FILES_PER_FOLDER):
                    (place / f"{number}.jpg").write_bytes(os.urandom(8))
        for _ in range(3):
            start, cpu = time.perf_counter(), os.times()
            command = [sys.executable, "-m", "unmask.cli.main", "doctor", folder, "--json"]
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
            used = os.times()
            seconds = used.children_user + used.children_system
            seconds -= cpu.children_user + cpu.children_system
            print(
                f"{time.perf_counter() - start:.2f} s, {seconds:.2f} s of processor "
                f"(required: {LIMIT_SECONDS} s)"
            )


if __name__ == "__main__":
    main()
