import pytest
import torch
from torch import nn

from course_lib.bench.work import Work, work_of

FLOAT = 4  # bytes


def test_a_linear_layer_forward_is_counted_as_by_hand():
    layer, images = nn.Linear(5, 3), torch.ones(2, 5)
    # 2 x 3 results of 5 products; reads 3 + 10 + 15 elements, writes 6
    assert work_of(lambda: layer(images)) == Work(flops=2 * 2 * 3 * 5, operations=1, bytes=(28 + 6) * FLOAT)


def test_the_backward_pass_of_a_linear_layer_has_two_products_more():
    layer, images = nn.Linear(5, 3), torch.ones(2, 5, requires_grad=True)
    assert work_of(lambda: layer(images).sum().backward()).flops == 3 * 2 * 2 * 3 * 5


def test_a_convolution_is_counted_as_by_hand():
    convolution, images = nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.ones(2, 3, 4, 4, requires_grad=True)
    once = 2 * (2 * 8 * 4 * 4) * (3 * 3 * 3)
    with torch.no_grad():
        forward = work_of(lambda: convolution(images))
    assert forward == Work(once, operations=1, bytes=(2 * 3 * 16 + 8 * 27 + 2 * 8 * 16) * FLOAT)
    assert work_of(lambda: convolution(images).sum().backward()).flops == 3 * once


def test_a_first_convolution_needs_no_gradient_of_its_images():
    convolution, images = nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.ones(2, 3, 4, 4)
    assert work_of(lambda: convolution(images).sum().backward()).flops == 2 * 2 * (2 * 8 * 4 * 4) * 27


def test_views_are_no_operations_and_move_nothing():
    x = torch.ones(4, 6)
    assert work_of(lambda: x.t()[1:].reshape(5, 2, 2).detach().unsqueeze(0)) == Work(0, 0, 0)


@pytest.mark.parametrize(
    ("function", "read", "written"),
    [
        (lambda x, y, rows: x + y, 24 + 24, 24),
        (lambda x, y, rows: x.add_(y), 24 + 24, 24),
        (lambda x, y, rows: x.add_(1), 24, 24),
        (lambda x, y, rows: x.copy_(y), 24, 24),
        (lambda x, y, rows: x.zero_(), 0, 24),
        (lambda x, y, rows: x.sum(), 24, 1),
        (lambda x, y, rows: x[:2] * 2, 12, 12),  # a part is read, not the whole
        (lambda x, y, rows: x[:, :1].expand(4, 6) * y, 24 + 24, 24),
        (lambda x, y, rows: torch.ones(1).expand(4, 6) * y, 1 + 24, 24 + 1),  # ones(1) is written, too
        (lambda x, y, rows: x[rows], 2 * 2 + 12, 12),  # 2 rows are read, not 4; an int64 is two floats long
        (lambda x, y, rows: x.index_select(0, rows), 2 * 2 + 12, 12),
        (lambda x, y, rows: torch.cat([x, y]), 48, 48),
        (lambda x, y, rows: torch._foreach_add_([x, y], [y, x]), 96, 48),
        (lambda x, y, rows: torch.add(x, y, out=torch.empty(4, 6)), 72, 24),
    ],
)
def test_bytes_are_those_of_tensors_read_and_written(function, read, written):
    x, y, rows = torch.ones(4, 6), torch.ones(4, 6), torch.tensor([0, 3])
    assert work_of(lambda: function(x, y, rows)).bytes == (read + written) * FLOAT


def test_operations_are_counted_by_hand():
    x = torch.ones(3)
    assert work_of(lambda: (x + 1).mul_(2).exp()).operations == 3


def test_the_step_of_an_optimizer_is_one_operation_where_it_is_fused():
    layer = nn.Linear(4, 2)
    layer.weight.grad, layer.bias.grad = torch.ones(2, 4), torch.ones(2)  # type: ignore[assignment]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, fused=True)
    assert work_of(optimizer.step) == Work(flops=0, operations=1, bytes=(10 + 10 + 10) * FLOAT)
