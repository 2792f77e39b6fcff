"""What the live figures share: the widget, its controls, the page without a kernel, and networks on their way there."""
