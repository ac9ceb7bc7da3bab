"""Makes the small PyTorch files of this folder, and the logits that PyTorch gives for them. Any Python with torch and
safetensors runs it: `python3 make.py`."""
import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5))
x = torch.randn(2, 3, 8, 8)
optimizer = torch.optim.Adam(model.parameters())
model(x).sum().backward()
optimizer.step()
model.eval()
save_file({"input": x, "logits": model(x).detach()}, "x.safetensors")
weights = model.state_dict()
state = optimizer.state_dict()
torch.save(weights, "flat.pth")
torch.save(weights, "legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "model_state_dict": weights, "optimizer_state_dict": state, "loss": 0.3}, "checkpoint.pth")
torch.save({"state": {"net": {"module." + k: v for k, v in weights.items()}}, "ema": weights, "optimizer": state}, "deep.pth")
torch.save(model, "module.pth")
torch.save({"model": weights, "best": weights}, "two.pth")
torch.save([1, 2], "list.pth")
torch.save({"epoch": 1}, "none.pth")
