"""QEMU's machine protocol: pictures of the screen, and keys pressed on the guest's own keyboard."""

import json
import os
import socket
import time

from bident import Failure

_PLAIN = {
    " ": "spc", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", ";": "semicolon",
    "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot", "/": "slash",
    "\n": "ret", "\t": "tab",
}
_SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./"))


def key_names(character):
    """The keys of an American keyboard that type this character."""
    if character in _SHIFTED:
        return ["shift", *key_names(_SHIFTED[character])]
    if character in _PLAIN:
        return [_PLAIN[character]]
    if character.isascii() and character.isupper():
        return ["shift", character.lower()]
    if character.isascii() and character.isalnum():
        return [character]
    raise Failure(f"no key types {character!r}", 2)


class Qmp:
    def __init__(self, path, timeout=10):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise Failure("QEMU does not open its control socket") from None
                time.sleep(0.05)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._stream.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        while True:
            line = self._stream.readline()
            if not line:
                raise Failure(f"QEMU ended during {name}")
            answer = json.loads(line)
            if "error" in answer:
                raise Failure(f"QEMU refused {name}: {answer['error'].get('desc')}")
            if "return" in answer:
                return answer["return"]

    def press(self, *names):
        """Keys held down together."""
        self.command("send-key", keys=[{"type": "qcode", "data": name} for name in names], **{"hold-time": 20})

    def type(self, text, pause=0.03):
        for character in text:
            self.press(*key_names(character))
            time.sleep(pause)

    def screenshot(self, path):
        """A picture of the screen: PNG when the name ends so, otherwise PPM."""
        image = "png" if str(path).endswith(".png") else "ppm"
        self.command("screendump", filename=os.path.abspath(path), format=image)

    def close(self):
        self._stream.close()
        self._socket.close()
