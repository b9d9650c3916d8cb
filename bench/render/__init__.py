"""Makes frames of a packaging line as a Mono8 camera sees them, from a foreign encoder; shares no code with the reader.

symbol.py      what is printed: content -> module matrix (zint)
print_model.py how it is printed: modules and text -> ink on the carton, with the printer's defects
carton.py      what it is printed on: artwork, panels, edges, belt
optics.py      how the camera sees it: pose, light, blur, noise
scenario.py    which packs pass, why each is good or bad: the truth
recording.py   all of it as a folder that `vision.cameras.recorded` replays
"""
