#!/bin/sh
# A first corpus for each target, from what the repository has.
set -eu
cd "$(dirname "$0")"
for target in image model beside filter journal terminal kernels; do mkdir -p "corpus/$target"; done
copy() { find ../models ../tests/fixtures -name "$1" -size -64k -exec cp {} "corpus/$2/" \;; }
for format in jpg jpeg png gif webp bmp tif tiff ppm pgm npy; do copy "*.$format" image; done
copy '*.onnx' model
# The first letter chooses the file's name, see `beside.rs`.
for pair in toml:h txt:i csv:j yaml:k json:l json:m json:n pbtxt:o; do
    find ../models ../tests/fixtures -name "*.${pair%:*}" -size -64k | while read -r file; do
        { printf %s "${pair#*:}"; cat "$file"; } > "corpus/beside/${pair#*:}-$(basename "$file")"
    done
done
i=0
for text in 'is:wrong true:cat' 'p<0.5 said:#3 frog' 'is:broken -p>90%' 'true:indigo-bunting is:marked'; do
    i=$((i + 1)); printf %s "$text" > "corpus/filter/$i"
done
printf '{"image":"/a/b.png","marked":true}\n{"image":"/a/b.png","marked":false}\n' > corpus/journal/1
printf '\033_Gi=31;OK\033\\\033P>|kitty(0.41.1)\033\\\033[?62;4c\033[6;20;10t\033[0n' > corpus/terminal/1
printf '\033[<0;10;20Mjk\033[A\033OP\033[200~pasted\033[201~\033[1;2C\303\251' > corpus/terminal/2
