"""NetworkPolicies, read as the cluster reads them: may this pod reach that one?"""

import manifest

KUBE_SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}


class Network:
    """The policies of one render, and the pods they speak of."""

    def __init__(self, objects):
        self.policies = manifest.of_kind(objects, "NetworkPolicy")
        self.pods = [(manifest.namespace(owner), pod) for owner, pod in manifest.pods(objects)]

    def find(self, component):
        """The first pod of a component: its namespace and template."""
        return next(((where, pod) for where, pod in self.pods if manifest.component(pod) == component), None)

    def of(self, where, labels, direction):
        """Policies of one direction that select a pod with these labels."""
        for policy in self.policies:
            spec = policy["spec"]
            if manifest.namespace(policy) == where and direction in spec["policyTypes"] and manifest.selects(spec["podSelector"], labels):
                yield spec

    def permits(self, spec, direction, where, labels, port, numbers):
        """Whether a rule of this policy lets the other side through; numbers: the port names of the receiving pod."""
        side = "from" if direction == "ingress" else "to"
        for rule in spec.get(direction, []):
            ports = [numbers.get(each["port"], each["port"]) for each in rule.get("ports", [])]
            if ports and port not in ports:
                continue
            if side not in rule or any(picks(peer, where, labels) for peer in rule[side]):
                return True
        return False

    def reaches(self, source, target, port):
        """Whether the pods of one component may connect to a port of another's; both sides must agree."""
        (from_namespace, sender), (to_namespace, receiver) = self.find(source), self.find(target)
        from_labels, to_labels = sender["metadata"]["labels"], receiver["metadata"]["labels"]
        numbers = manifest.ports(receiver)
        out = list(self.of(from_namespace, from_labels, "Egress"))
        into = list(self.of(to_namespace, to_labels, "Ingress"))
        leaves = not out or any(self.permits(each, "egress", to_namespace, to_labels, port, numbers) for each in out)
        enters = not into or any(self.permits(each, "ingress", from_namespace, from_labels, port, numbers) for each in into)
        return leaves and enters

    def is_default_deny(self, where, direction):
        """Whether every pod of a namespace is denied this direction unless a rule says otherwise."""
        return any(spec["podSelector"] == {} and not spec.get(direction.lower()) for spec in self.of(where, {}, direction))

    def resolves_names(self, where, labels):
        """Whether a pod may ask the cluster's DNS, over UDP and TCP."""
        asked = {"UDP": False, "TCP": False}
        for spec in self.of(where, labels, "Egress"):
            for rule in spec.get("egress", []):
                peers = [each for each in rule.get("to", []) if each.get("namespaceSelector", {}).get("matchLabels") == KUBE_SYSTEM]
                for port in rule.get("ports", []):
                    if peers and port["port"] == 53:
                        asked[port["protocol"]] = True
        return all(asked.values())


def picks(peer, where, labels):
    """Whether a peer of a rule is a pod with these labels in this namespace."""
    if "ipBlock" in peer:
        return False
    in_namespace = manifest.selects(peer.get("namespaceSelector", {}), {"kubernetes.io/metadata.name": where})
    return in_namespace and manifest.selects(peer.get("podSelector", {}), labels)
