"""Price of the operator's own: what a deployment costs where the public list doesn't say it."""

from decimal import Decimal
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Share: TypeAlias = Annotated[Decimal, Field(ge=0, lt=1)]


class PriceOverride(BaseModel):
    """What the operator pays: a price of its own, or the list's less a negotiated discount.

    A price of its own is in USD per million tokens, or per hour of a GPU or of provisioned units at
    a throughput.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_per_mtok: Decimal | None = None
    output_per_mtok: Decimal | None = None
    cache_read_per_mtok: Decimal | None = None
    gpu_hour_usd: Decimal | None = None
    tokens_per_gpu_hour: Annotated[int, Field(ge=1)] | None = None
    discount: _Share | None = None
    """Off the list's price of every token, e.g. 0.15."""
    cache_discount: _Share | None = None
    """In its place for input that the provider's prompt cache serves or takes."""
    batch_discount: _Share | None = None
    """In its place for all that is computed in a batch."""
    committed: bool = False
    """Paid whether it is used or not, as provisioned throughput or reserved GPUs are: a call costs
    nothing more as long as there is room, so it is chosen first. Bills share its price out."""

    @property
    def is_own(self) -> bool:
        """Whether it names a price, so that the list's doesn't matter."""
        named = (self.input_per_mtok, self.output_per_mtok, self.gpu_hour_usd)
        return any(price is not None for price in named)

    @property
    def is_off_list(self) -> bool:
        """Whether the list's price holds, less a discount."""
        discounts = (self.discount, self.cache_discount, self.batch_discount)
        has_discount = any(share is not None for share in discounts)
        return has_discount or (self.committed and not self.is_own)

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.is_own and self.is_off_list:
            raise ValueError("a discount is off the list's price: leave it out, or the own price")
        return self
