"""Copies the notebooks of ``examples/`` into the documentation, prepared for pages that do not change.

``python docs/tutorials.py`` draws the pictures of the gallery in ``images/gallery/`` again, or those of the notebooks
that are named.
"""

from __future__ import annotations

import base64
import io
import re
import sys
import tempfile
from pathlib import Path

import nbformat

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
GALLERY = DOCS / "images" / "gallery"
GALLERY_SIZE = (480, 320)  # pixels

# Which picture of a notebook represents it; the last one of others.
SHOWN = {
    **{"average_learner1D": 0, "learner1D": 0, "learner2D": 0, "rational_learner1D": 0, "saving_and_resuming": 0},
    **{"labelled_output": 0, "spaces": 2},
}

# Runs first in each notebook, and is not shown. A page has no kernel: pictures are PNG files of Matplotlib instead of
# scripts of Bokeh (three megabytes for each page), and live displays are replaced by how they look in the end.
SETUP = """
import re

import dask
import holoviews
from IPython import get_ipython
from IPython.display import HTML, display

import adaptive_dask
from adaptive_dask.plotting import learnerND_space
from adaptive_dask.runner import AsyncRunner, Runs

dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})  # clusters start faster
holoviews.extension("matplotlib", logo=False, inline=False)
holoviews.output(fig="png", dpi=80, holomap="gif", fps=1)
holoviews.opts.defaults(holoviews.opts.Layout(fig_inches=(11, 4.5), sublabel_format="", hspace=0.6))
holoviews.opts.defaults(holoviews.opts.GridSpace(fig_inches=(11, 2.5)))
adaptive_dask.notebook_extension = lambda: None
learnerND_space._uses_plotly = lambda backend: False
displays = []


def live(picture):
    def show(run, *arguments, **options):
        shown = display(HTML(""), display_id=True)
        displays.append((run, lambda: shown.update(picture(run, **options))))

    return show


def update_displays(result):
    for each in displays.copy():
        run, update = each
        has_ended = run.done()  # then its display stays as it is, even if the learner gets more points
        update()
        if has_ended:
            displays.remove(each)


def first_of(pictures):  # a page has no process that could draw the others
    return display(pictures[tuple(each.values[0] for each in pictures.kdims)])


def table(run, **options):
    return HTML(re.sub(r"<a .*?</a>", "", run._repr_html_()))  # without links to a server that is gone


def drawing(run, plotter=None, **options):
    return run.learner.plot() if plotter is None else plotter(run.learner)


AsyncRunner.live_info = Runs.live_info = live(table)
AsyncRunner.live_plot = live(drawing)
get_ipython().events.register("post_run_cell", update_displays)
get_ipython().display_formatter.ipython_display_formatter.for_type(holoviews.DynamicMap, first_of)
"""


def copy_notebooks(folder: Path) -> None:
    """Write the notebooks into a folder of the documentation, unless they are there already.

    Links into ``docs/`` lead to its pages. Links to other files are plain text.
    """
    for source in sorted(EXAMPLES.rglob("*.ipynb")):
        if any(part.startswith(".") for part in source.relative_to(EXAMPLES).parts):
            continue
        notebook = nbformat.read(source, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"\[docs/\w+\.md\]\(", "[](", cell.source)  # with the title of the page
                cell.source = re.sub(r"\]\((\.\./)+docs/", "](../", cell.source)
                cell.source = re.sub(r"\]\(slurm/(\w+\.ipynb)", r"](\1", cell.source)
                cell.source = re.sub(r"\[([^\[\]]*)\]\([\w.]+\.(?:yaml|sbatch)\)", r"\1", cell.source)  # not pages
        setup = nbformat.v4.new_code_cell(SETUP.strip(), id="setup", metadata={"tags": ["remove-cell"]})
        notebook.cells.insert(1, setup)
        text = nbformat.writes(notebook)
        target = folder / source.name
        if not target.exists() or target.read_text() != text:  # otherwise its page would be built again
            folder.mkdir(exist_ok=True)
            target.write_text(text)


def draw_gallery() -> None:
    """Execute the notebooks, and write a picture of each as a small file."""
    import nbclient
    from PIL import Image

    GALLERY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_notebooks(folder)
        paths = [folder / f"{stem}.ipynb" for stem in sys.argv[1:]] or sorted(folder.glob("*.ipynb"))
        for path in paths:
            if path.stem == "slurm":
                continue
            notebook = nbformat.read(path, as_version=4)
            nbclient.NotebookClient(notebook, resources={"metadata": {"path": name}}).execute()
            outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
            texts = [str(each.data.get("text/html", "")) for each in outputs if "data" in each]
            texts += [str(each.data["image/png"]) for each in outputs if "image/png" in each.get("data", ())][-1:]
            pictures = [found for text in texts for found in re.findall(r"iVBORw[\w+/\n]+=*", text)]
            picture = Image.open(io.BytesIO(base64.b64decode(pictures[SHOWN.get(path.stem, -1)]))).convert("RGB")
            picture.thumbnail(GALLERY_SIZE)
            picture.quantize(64).save(GALLERY / f"{path.stem}.png", optimize=True)


if __name__ == "__main__":
    draw_gallery()
