"""A network of your own: one function, and every cut of it can be trained.

Run it with `python examples/own_model.py`. In a grid it is `model: ./examples/own_model.py:small_cnn`, and
`sfbench cuts ./examples/own_model.py:small_cnn --input-shape 8,8,1` shows where it can be cut.
"""

import keras

import sfbench

MODEL = f"{__file__}:small_cnn"


def small_cnn(input_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Return logits, not probabilities: the loss applies the softmax. Name the layers that you want to cut after."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(32, activation="relu", name="dense"),
            keras.layers.Dense(num_classes, name="logits"),
        ]
    )


def main() -> None:
    """Train it with an early and a late cut: the same mathematics, other bytes."""
    for cut in ("conv", "dense"):
        cell = {"dataset": "digits", "model": MODEL, "cut_layer": cut, "clients": 2, "batch_size": 32, "rounds": 1}
        trained = sfbench.train(sfbench.CellConfig.parse(cell | {"transport": "inproc", "examples_per_client": 128}))
        accuracy, sent = trained.rounds[-1].eval_accuracy, trained.numbers["uplink_bytes_per_step"]
        print(f"cut after {cut}: {sent:,.0f} bytes up per step, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
