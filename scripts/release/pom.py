#!/usr/bin/env python3
"""Derives the published POM from the one that builds: name, licenses, and dependencies, without tests and plugins.

    pom.py bindings/kotlin/pom.xml --artifact push-authenticator-android --packaging aar

For the packaging `aar`, JNA comes as an AAR, which contains its native half, and coroutines in their Android variant.
"""
import argparse
import re
import xml.etree.ElementTree as xml
from xml.sax.saxutils import escape

NAMES = {"": "http://maven.apache.org/POM/4.0.0"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pom")
    parser.add_argument("--artifact", required=True)
    parser.add_argument("--packaging", choices=["jar", "aar"], required=True)
    arguments = parser.parse_args()
    root = xml.parse(arguments.pom).getroot()
    properties = {one.tag.split("}")[1]: one.text for one in root.find("properties", NAMES)}

    def text(element, name, default=None):
        found = element.findtext(name, default, NAMES)
        return re.sub(r"\$\{([^}]*)\}", lambda match: properties[match[1]], found) if found else found

    licences = "".join(
        f"    <license><name>{escape(text(one, 'name'))}</name></license>\n" for one in root.findall("licenses/license", NAMES))
    dependencies = ""
    for one in root.findall("dependencies/dependency", NAMES):
        if text(one, "scope", "compile") == "test":
            continue
        artifact, kind = text(one, "artifactId"), ""
        if arguments.packaging == "aar" and artifact == "jna":
            kind = "\n      <type>aar</type>"
        if arguments.packaging == "aar" and artifact == "kotlinx-coroutines-core":
            artifact = "kotlinx-coroutines-android"
        dependencies += (f"    <dependency>\n      <groupId>{text(one, 'groupId')}</groupId>\n      <artifactId>{artifact}</artifactId>\n"
                         f"      <version>{text(one, 'version')}</version>{kind}\n      <scope>compile</scope>\n    </dependency>\n")
    where = " on Android" if arguments.packaging == "aar" else " on the JVM"
    print(f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{text(root, 'groupId')}</groupId>
  <artifactId>{arguments.artifact}</artifactId>
  <version>{text(root, 'version')}</version>
  <packaging>{arguments.packaging}</packaging>
  <name>{arguments.artifact}</name>
  <description>{escape(text(root, 'description'))}{where}</description>
  <licenses>
{licences}  </licenses>
  <dependencies>
{dependencies}  </dependencies>
</project>""")


if __name__ == "__main__":
    main()
