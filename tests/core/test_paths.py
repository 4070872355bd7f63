"""The folders of package and checkout hold their files."""

import emomech
from emomech.core.paths import CHECKOUT, PACKAGE


def test_the_package_holds_its_modules_and_the_checkout_its_notebooks() -> None:
    assert emomech.__file__ == str(PACKAGE / "__init__.py")
    assert (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "notebooks").is_dir()
    assert PACKAGE.parent == CHECKOUT
