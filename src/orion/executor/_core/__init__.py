"""What every engine shares: futures, waiting, options, serialising. Import it through :mod:`orion.executor.base`."""
