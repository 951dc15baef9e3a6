"""dark_knowledge: what a teacher says beside its answer, and how to take it away.

    p     = softmax(logits / T)
    H(p)  = - sum_k p_k log p_k                             nats, 0 log 0 = 0
    share = (1 - m) H(p given not top) / H(p)               m: the probability of the answer
    H(p)  = h2(m) + (1 - m) H(p given not top)              the chain rule: how sure, and among which others

Three changes of a teacher tell confidence and structure apart. ``dial_teacher`` changes how sure it is and keeps every
order. ``flatten_dark_knowledge`` keeps how sure it is and takes away what it knows of the other classes.
``permute_dark_knowledge`` keeps even the entropy and gives what it knows to the wrong classes.

Sources: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
https://arxiv.org/abs/1503.02531, section 2; Furlanello, Lipton, Tschannen, Itti and Anandkumar, "Born-Again Neural
Networks", ICML 2018, https://arxiv.org/abs/1805.04770, section 3 ("dark knowledge with permuted predictions"; theirs
draws a permutation for each image, ours fixes one for each class).
"""

import torch
from torch import Tensor


def softmax_with_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities of softened logits.

    Args:
        logits: (N, K) float.
        temperature: Positive. 1 changes nothing, more flattens, less sharpens.

    Returns:
        (N, K), rows that sum to 1.

    Raises:
        ValueError: If the temperature is not positive.

    Example:
        >>> softmax_with_temperature(torch.tensor([[1.0, 1.0]]), temperature=2.0)
        tensor([[0.5000, 0.5000]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    return ((logits - logits.amax(dim=1, keepdim=True)) / temperature).softmax(dim=1)


def entropy(probs: Tensor) -> Tensor:
    """Uncertainty of each row.

    Args:
        probs: (N, K) float, rows that sum to 1.

    Returns:
        (N,) nats in [0, log K]; a probability of 0 contributes 0.

    Example:
        >>> entropy(torch.tensor([[0.5, 0.5, 0.0]]))  # log 2
        tensor([0.6931])
    """
    return torch.special.entr(probs).sum(dim=1)


def dark_knowledge_share(probs: Tensor) -> Tensor:
    """The part of the entropy that lies among the classes other than the answer.

    Args:
        probs: (N, K) float, rows that sum to 1.

    Returns:
        (N,) in [0, 1]; 0 where the entropy is 0.

    Example:
        >>> dark_knowledge_share(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]))  # 0.5 log 2 / 1.5 log 2
        tensor([0.3333, 0.0000])
    """
    confidence, top = probs.max(dim=1, keepdim=True)
    others = probs.scatter(1, top, 0.0)
    rest = others.sum(dim=1)
    # (1 - m) H(p given not top) = - sum_{k not top} p_k log(p_k / (1 - m)): no division by a 1 - m that is 0
    among = (torch.special.entr(others).sum(dim=1) + torch.xlogy(rest, rest)).clamp_min(0)
    # h2(m) from 1 - m, which keeps its digits where m rounds to 1
    total = among + torch.special.entr(rest) - confidence.squeeze(1) * torch.log1p(-rest)
    return torch.where(total > 0, among / total.clamp_min(torch.finfo(total.dtype).tiny), 0.0).clamp_max(1)


def flatten_dark_knowledge(probs: Tensor) -> Tensor:
    """Keep the probability of the answer, spread the rest evenly.

    Args:
        probs: (N, K) float, rows that sum to 1, K at least 2.

    Returns:
        (N, K), rows that sum to 1; of tied answers the first is kept, and no rounding makes another one larger.

    Example:
        >>> flatten_dark_knowledge(torch.tensor([[0.6, 0.3, 0.1]]))
        tensor([[0.6000, 0.2000, 0.2000]])
    """
    confidence, top = probs.max(dim=1, keepdim=True)
    others = probs.scatter(1, top, 0.0).sum(dim=1, keepdim=True) / (probs.shape[1] - 1)
    return others.minimum(confidence).expand_as(probs).scatter(1, top, confidence)


def wrong_relatives(num_classes: int, seed: int) -> Tensor:
    """For each answer a permutation of the other classes, drawn once.

    It is any permutation: on average one of the others stays where it was, and where there are two classes, each does.

    Args:
        num_classes: K, at least 2.
        seed: The same seed gives the same table.

    Returns:
        (K, K) int64; row ``a`` permutes the classes and keeps ``a`` in its place.

    Example:
        >>> table = wrong_relatives(5, seed=0)
        >>> bool((table.diagonal() == torch.arange(5)).all()), table.sort(dim=1).values.unique(dim=0).tolist()
        (True, [[0, 1, 2, 3, 4]])
    """
    generator = torch.Generator().manual_seed(seed)
    table = torch.arange(num_classes).repeat(num_classes, 1)
    for answer in range(num_classes):
        others = torch.cat([torch.arange(answer), torch.arange(answer + 1, num_classes)])
        table[answer, others] = others[torch.randperm(num_classes - 1, generator=generator)]
    return table


def permute_dark_knowledge(logits: Tensor, relatives: Tensor) -> Tensor:
    """Give what a teacher knows of the other classes to the wrong ones; confidence and entropy stay.

    Args:
        logits: (N, K) float, or probabilities.
        relatives: (K, K) int64 of ``wrong_relatives``.

    Returns:
        (N, K): the values of each row, the first largest in its place, the others permuted.

    Example:
        >>> permute_dark_knowledge(torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([[0, 2, 1], [2, 1, 0], [1, 0, 2]]))
        tensor([[0.7000, 0.1000, 0.2000]])
    """
    return logits.gather(1, relatives.to(logits.device)[logits.argmax(dim=1)])


def dial_teacher(teacher_logits: Tensor, tau: float) -> Tensor:
    """Make a teacher less sure (tau above 1) or surer (below 1) without changing any answer.

    Args:
        teacher_logits: (N, K) float.
        tau: Positive.

    Returns:
        (N, K) logits.

    Raises:
        ValueError: If ``tau`` is not positive.

    Example:
        >>> dial_teacher(torch.tensor([[2.0, -1.0]]), tau=2.0)
        tensor([[ 1.0000, -0.5000]])
    """
    if not tau > 0:
        raise ValueError(f"tau must be positive, got {tau}")
    return teacher_logits / tau


def standardise(logits: Tensor) -> Tensor:
    """Logits over their own standard deviation, row by row, in place of a temperature.

    Source: Choi, Jeon, Shukla and Turaga, WACV 2023, https://arxiv.org/abs/2211.03946, section 3; the deviation over
    the K classes is the population's, as in the code of arXiv 2606.12171.

    Args:
        logits: (N, K) float.

    Returns:
        (N, K) whose rows have standard deviation 1; a row of equal logits becomes 0.

    Example:
        >>> standardise(torch.tensor([[4.0, 0.0], [3.0, 3.0]]))
        tensor([[ 1., -1.],
                [ 0.,  0.]])
    """
    constant = logits.amax(dim=1, keepdim=True) == logits.amin(dim=1, keepdim=True)  # their rounded mean may be another
    centred = torch.where(constant, 0.0, logits - logits.mean(dim=1, keepdim=True))
    variance = centred.square().mean(dim=1, keepdim=True)
    return centred / torch.where(variance > 0, variance, 1.0).sqrt()
