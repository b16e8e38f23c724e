"""Data sets in, augmented batches out."""

from radars.data.augment import RandAugment
from radars.data.balanced_draws import say_missing_classes
from radars.data.batch import Batch, move
from radars.data.data_config import DataConfig
from radars.data.data_fingerprint import data_fingerprint
from radars.data.from_objects import DataLike, as_data, as_split, load_data
from radars.data.images import image_to_pixels
from radars.data.load import Data
from radars.data.normalisation import Normalisation, are_images
from radars.data.raw_images import RawImages, arrival_bytes
from radars.data.split import BatchStream, SealedSplit, Split
from radars.data.tensors import tensor_data

__all__ = [
    "Batch",
    "BatchStream",
    "Data",
    "DataConfig",
    "DataLike",
    "Normalisation",
    "RandAugment",
    "RawImages",
    "SealedSplit",
    "Split",
    "are_images",
    "arrival_bytes",
    "as_data",
    "as_split",
    "data_fingerprint",
    "image_to_pixels",
    "load_data",
    "move",
    "say_missing_classes",
    "tensor_data",
]
