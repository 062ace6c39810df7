/** A button with the props that shadcn/ui gives it. */
import type { ButtonHTMLAttributes } from "react";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  variant?: "default" | "ghost" | "destructive";
  size?: "default" | "sm" | "icon";
}

export const Button = ({ variant = "default", size = "default", className = "", ...rest }: Props) => (
  <button type="button" className={`button ${variant} ${size} ${className}`.trim()} {...rest} />
);
