"""Where cells are enumerated: boxes, polytopes, curves of straight pieces, and slices of the input space."""

from .curves import Curve as Curve
from .curves import Line as Line
from .curves import Polyline as Polyline
from .curves import Segment as Segment
from .ellipse import Ellipse as Ellipse
from .flat import Box as Box
from .flat import Polytope as Polytope
from .slice import Slice as Slice
from .space import Space as Space
from .store import Domain as Domain
from .store import domain_from_dict as domain_from_dict
