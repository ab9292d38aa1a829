"""The backend as the examples of label-studio-ml 2.x serve theirs: behind its own server. No test of its own."""

from label_studio_ml.api import init_app

from model import WholebodyBackend

app = init_app(model_class=WholebodyBackend)
