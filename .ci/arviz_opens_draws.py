#!/usr/bin/env python3
"""Opens folders of draws (`*.zarr`) with ArviZ, as a user would: arviz_opens_draws.py PATH...

Needs one of
    Python 3.11:      pip install 'arviz<1' xarray zarr
    Python >= 3.12:   pip install arviz xarray zarr
Prints one line for each folder; exits with 1 and a message at the first one that does not open as it should.
"""

import math
import sys
import warnings


class Refused(Exception):
    """What is wrong with a folder, in words."""


def open_draws(path):
    """What `az.summary` takes, and the groups of `path` by name."""
    import arviz as az

    # ArviZ 0.x, whose own `from_zarr` refuses zarr 3. In ArviZ 1.x the name stands for xarray's DataTree.
    if hasattr(getattr(az, "InferenceData", None), "from_datatree"):
        import xarray as xr

        data = az.InferenceData.from_datatree(xr.open_datatree(path, engine="zarr", consolidated=True))
        return data, {name: data[name] for name in data.groups()}
    data = az.from_zarr(path, consolidated=True)
    return data, {name: group.to_dataset() for name, group in data.children.items()}


def check_group(name, group):
    """Refuses a group whose variables or coordinates are not what ArviZ's schema asks for."""
    if not group.data_vars:
        raise Refused(f"{name} has no variables")
    for variable in group.data_vars.values():
        where = f"{name}/{variable.name}"
        if variable.dims[:2] != ("chain", "draw"):
            raise Refused(f"{where} has the dimensions {variable.dims}, not chain and draw first")
        if variable.dtype.name not in ("float64", "int64"):
            raise Refused(f"{where} is {variable.dtype}")
        variable.load()
    for dim in group.dims:
        if dim not in group.coords:
            raise Refused(f"{name} has no coordinate for the dimension {dim}")
        if group.coords[dim].dtype.name != "int64":
            raise Refused(f"the coordinate {name}/{dim} is {group.coords[dim].dtype}, not int64")
    if group.attrs.get("inference_library") != "gmm":
        raise Refused(f"{name} does not name its inference_library: {dict(group.attrs)}")


def check_chunks(path):
    """Refuses a folder with a chunk missing: it would open, with fill values for draws."""
    import zarr

    for name, group in zarr.open_group(path, mode="r").groups():
        for array_name, array in group.arrays():
            if array.nchunks_initialized != array.nchunks:
                raise Refused(f"{name}/{array_name} has {array.nchunks_initialized} of {array.nchunks} chunks")


def check(path):
    """The line to print for a folder that opens as it should."""
    import arviz as az

    data, groups = open_draws(path)
    if "posterior" not in groups:
        raise Refused(f"there is no posterior among the groups {sorted(groups)}")
    check_chunks(path)
    for name, group in groups.items():
        check_group(name, group)
    posterior = groups["posterior"]
    n_chains, n_draws = posterior.sizes["chain"], posterior.sizes["draw"]
    n_scalars = sum(math.prod(variable.shape[2:]) for variable in posterior.data_vars.values())
    summary = az.summary(data)
    if len(summary) != n_scalars:
        raise Refused(f"the summary has {len(summary)} rows for {n_scalars} scalars")
    listed = "; ".join(f"{name}: {', '.join(sorted(map(str, group.data_vars)))}" for name, group in groups.items())
    return f"{n_chains} chains x {n_draws} draws of {n_scalars} scalars; {listed}"


def main(paths):
    if not paths:
        sys.exit(__doc__)
    # ArviZ announces its next version, zarr that consolidated metadata are no part of the format yet.
    warnings.simplefilter("ignore")
    try:
        import arviz
        import xarray  # noqa: F401
        import zarr
    except ImportError as error:
        sys.exit(f"{error}\n{__doc__}")
    for path in paths:
        try:
            line = check(path)
        except Exception as error:  # whatever the three libraries throw, the folder does not open
            sys.exit(f"{path}: ArviZ {arviz.__version__}, zarr {zarr.__version__}: {type(error).__name__}: {error}")
        print(f"{path}: {line}")


if __name__ == "__main__":
    main(sys.argv[1:])
